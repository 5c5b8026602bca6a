// Makes operations callable from JavaScript. Everything follows from the operation's arguments():
// their names, their order, and how each is read.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "binding/arguments.h"
#include "binding/names.h"
#include "core/operation.h"

namespace leia::binding {

// Reads one argument after the other.
class ArgumentReader {
 public:
  explicit ArgumentReader(Arguments& arguments) : arguments_(arguments) {}
  void operator()(const char* name, Tensor& value, Access, bool optional = false) const {
    value = optional ? arguments_.optional_tensor(name) : arguments_.tensor(name);
  }
  void operator()(const char* name, std::vector<Tensor>& value, Access,
                  bool optional = false) const {
    value = optional ? arguments_.optional_tensors(name) : arguments_.tensors(name);
  }
  void operator()(const char* name, double& value) const { value = arguments_.number(name); }
  void operator()(const char* name, float& value) const { value = arguments_.real(name); }
  void operator()(const char* name, int64_t& value) const { value = arguments_.integer(name); }
  void operator()(const char* name, bool& value) const { value = arguments_.boolean(name); }
  void operator()(const char* name, std::vector<int64_t>& value) const {
    value = arguments_.integers(name);
  }

 private:
  Arguments& arguments_;
};

// By what follows an argument in arguments(): nothing behind a number, an Access behind a tensor.
inline bool is_required_input() {
  return false;
}
inline bool is_required_input(Access access, bool optional = false) {
  return access == Access::read && !optional;
}

// Adds rmsNormForward(input, weight, ...) to the object. The function's `parameters` are the names
// of its arguments, in order; `inputs` those of the tensors and lists of them that must be given,
// without the ones that are only written to.
template <class Operation>
void add_operation(Napi::Object operations) {
  const std::string function = camel_case(Operation::kName);
  const auto call = [](const Napi::CallbackInfo& info) {
    return guarded(info, [&]() -> Napi::Value {
      Arguments arguments(info, Operation::kName);
      Operation operation{};
      Operation::arguments(operation, ArgumentReader(arguments));
      run(operation);
      return info.Env().Undefined();
    });
  };
  Napi::Function added = Napi::Function::New(operations.Env(), call, function);
  Napi::Array parameters = Napi::Array::New(operations.Env());
  Napi::Array inputs = Napi::Array::New(operations.Env());
  const Operation none{};
  const auto append = [](Napi::Array list, const char* name) {
    list.Set(list.Length(), camel_case(name));
  };
  Operation::arguments(none, [&]<class... Marks>(const char* name, const auto&, Marks... marks) {
    append(parameters, name);
    if (is_required_input(marks...)) append(inputs, name);
  });
  added.Set("parameters", parameters);
  added.Set("inputs", inputs);
  operations.Set(function, added);
}

using AddOperation = void (*)(Napi::Object operations);

// The functions that add the operations of this build, one each.
inline std::vector<AddOperation>& bound_operations() {
  static std::vector<AddOperation> all;
  return all;
}

// Called when the addon is loaded.
template <class Operation>
bool bind_operation() {
  add_name(Operation::kName);
  const Operation none{};
  Operation::arguments(none, [](const char* name, const auto&...) { add_name(name); });
  bound_operations().push_back(add_operation<Operation>);
  return true;
}

}  // namespace leia::binding

// Once for each operation, in <operation>_binding.cpp.
#define LEIA_BINDING(Operation)                          \
  [[maybe_unused]] static const bool binds_##Operation = \
      ::leia::binding::bind_operation<::leia::Operation>();
