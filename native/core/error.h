// The one exception type of the native code. Its code is one of the LeiaErrorCode strings of
// lib/system/error.ts; its message says what was expected, what came, and what to do.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

namespace leia {

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  const char* code() const noexcept { return code_; }

 private:
  const char* code_;
};

// Joins its arguments into one string: text("got ", 3, " rows").
inline std::string text_piece(std::string_view piece) {
  return std::string(piece);
}
inline std::string text_piece(const char* piece) {
  return piece;
}
inline std::string text_piece(const std::string& piece) {
  return piece;
}
inline std::string text_piece(bool value) {
  return value ? "true" : "false";
}
// The shortest digits that give the number back.
template <std::floating_point Number>
std::string text_piece(Number value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof(digits), value).ptr};
}
template <std::integral Number>
std::string text_piece(Number value) {
  return std::to_string(value);
}
template <class... Pieces>
std::string text(const Pieces&... pieces) {
  std::string result;
  ((result += text_piece(pieces)), ...);
  return result;
}

// A switch in the environment: set to 1.
inline bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && std::string_view(value) == "1";
}

[[noreturn]] inline void fail(const char* code, const std::string& message) {
  throw Error(code, message);
}

// Throws an "argument" error unless the condition holds. The message is built only on failure.
template <class... Pieces>
void require(bool condition, const Pieces&... pieces) {
  if (!condition) fail("argument", text(pieces...));
}

}  // namespace leia
