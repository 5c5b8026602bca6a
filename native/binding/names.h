// Operations and their arguments have names in snake_case in native code and in camelCase in
// JavaScript. Errors are worded in native code; on their way out they get JavaScript's names.
#pragma once

#include <string>

namespace leia::binding {

// "rms_norm_forward" -> "rmsNormForward"
std::string camel_case(const std::string& name);

// Notes a name that JavaScript has as well. Called when the addon is loaded.
void add_name(const std::string& name);

// The text with all such names as JavaScript has them.
std::string in_javascript(const std::string& text);

}  // namespace leia::binding
