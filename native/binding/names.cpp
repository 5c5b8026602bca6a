#include "binding/names.h"

#include <cctype>
#include <mutex>
#include <unordered_set>

namespace leia::binding {

namespace {

// Every worker thread that loads the addon adds them.
std::mutex mutex;

std::unordered_set<std::string>& names() {
  static std::unordered_set<std::string> all;
  return all;
}

bool is_of_name(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
}

}  // namespace

std::string camel_case(const std::string& name) {
  std::string result;
  bool upper = false;
  for (const char letter : name) {
    if (letter == '_') {
      upper = true;
    } else {
      result +=
          upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(letter))) : letter;
      upper = false;
    }
  }
  return result;
}

void add_name(const std::string& name) {
  if (name.find('_') == std::string::npos) return;
  const std::lock_guard lock(mutex);
  names().insert(name);
}

std::string in_javascript(const std::string& text) {
  const std::lock_guard lock(mutex);
  std::string result;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && is_of_name(text[end])) ++end;
    if (end == at) {
      result += text[at++];
      continue;
    }
    const std::string word = text.substr(at, end - at);
    result += names().contains(word) ? camel_case(word) : word;
    at = end;
  }
  return result;
}

}  // namespace leia::binding
