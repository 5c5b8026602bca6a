// The way every operation takes: its arguments are checked, then queued on their device's stream.
//
// An operation is a struct of arguments with a name, a list of its tensors, a contract and one
// execution per kind of device:
//
//   struct RmsNormForward {
//     static constexpr const char* kName = "rms_norm_forward";
//     Tensor input, weight, output;
//     float epsilon;
//     template <class Visit> void tensors(Visit&& visit) const { visit("input", input); ... }
//   };
//   void validate(const RmsNormForward&);                   // throws "argument"
//   void execute_cpu(const RmsNormForward&, CpuContext&);   // on the stream's thread
//   void execute_cuda(const RmsNormForward&, CudaContext&); // in a build that has kernels
#pragma once

#include <string>
#include <vector>

#include "core/device.h"
#include "cpu/cpu_context.h"

namespace leia {

// "rms_norm_forward(input: float32[2, 3], ...)"
template <class Operation>
std::string describe(const Operation& operation) {
  std::string result = operation.kName;
  const char* separator = "(";
  operation.tensors([&](const char* name, const Tensor& tensor) {
    if (!tensor) return;
    result += text(separator, name, ": ", tensor.to_string());
    separator = ", ";
  });
  return result + ")";
}

// The device that all given tensors share.
template <class Operation>
Device& device_of(const Operation& operation) {
  Device* device = nullptr;
  std::string first;
  operation.tensors([&](const char* name, const Tensor& tensor) {
    if (!tensor) return;
    Device* own = tensor.storage->device().get();
    if (device == nullptr) {
      device = own;
      first = name;
    }
    require(own == device, Operation::kName, ": ", name, " is on ", own->name(), ", but ", first,
            " is on ", device->name(), "; copy one of them first");
  });
  require(device != nullptr, Operation::kName, ": no tensor was given");
  return *device;
}

template <class Operation>
using Execution = void (*)(const Operation&, ExecutionContext&);

// How CUDA runs an operation's kernels; nullptr where they are not linked in.
template <class Operation>
inline Execution<Operation> cuda_execution = nullptr;

// Names of the operations that have one.
inline std::vector<std::string>& cuda_operations() {
  static std::vector<std::string> names;
  return names;
}

template <class Operation>
bool register_cuda(Execution<Operation> execution) {
  cuda_execution<Operation> = execution;
  cuda_operations().push_back(Operation::kName);
  return true;
}

// Throws "unsupported" for an operation that the kind of device has no kernels for.
template <class Operation>
Execution<Operation> execution_on(DeviceKind kind) {
  if (kind == DeviceKind::cpu) {
    return [](const Operation& operation, ExecutionContext& context) {
      execute_cpu(operation, static_cast<CpuContext&>(context));
    };
  }
  if (cuda_execution<Operation> != nullptr) return cuda_execution<Operation>;
  fail("unsupported", text(Operation::kName, ": there are no CUDA kernels for this operation yet"));
}

template <class Operation>
void run(const Operation& operation) {
  Device& device = device_of(operation);
  validate(operation);
  const auto execution = execution_on<Operation>(device.kind());
  device.enqueue(
      {[operation, execution](ExecutionContext& context) { execution(operation, context); },
       [operation] { return describe(operation); }});
}

}  // namespace leia
