#include <cctype>

#include "binding/instance.h"
#include "binding/operation_binding.h"

namespace leia::binding {

std::string camel_case(const char* name) {
  std::string result;
  for (const char* next = name; *next != '\0'; ++next) {
    if (*next == '_') {
      result += static_cast<char>(std::toupper(static_cast<unsigned char>(*++next)));
    } else {
      result += *next;
    }
  }
  return result;
}

void register_operations(Napi::Env env, Napi::Object exports) {
  Napi::Object operations = Napi::Object::New(env);
  for (const AddOperation add : bound_operations()) add(operations);
  exports.Set("operations", operations);
}

}  // namespace leia::binding
