// The way every operation takes: its arguments are checked, then queued on their device's stream.
//
// An operation is a struct of arguments with a name, a list of them, a contract and one execution
// per kind of device:
//
//   struct RmsNormForward {
//     static constexpr const char* kName = "rms_norm_forward";
//     Tensor input, weight, output;
//     float epsilon;
//     template <class Self, class Visit>
//     static void arguments(Self& self, Visit&& visit) {
//       visit("input", self.input, Access::read);
//       ...
//       visit("epsilon", self.epsilon);
//     }
//   };
//   void validate(const RmsNormForward&);                   // throws "argument"
//
// All that has to do with the arguments alone follows from arguments(): the device that they share,
// the words of an error, and the function that JavaScript calls (LEIA_BINDING). Beside its kernels,
// each kind of device that the build has registers how it executes the operation:
// LEIA_CPU_EXECUTION (cpu/cpu_context.h), LEIA_CUDA_EXECUTION (cuda/context.cuh).
#pragma once

#include <array>
#include <string>
#include <vector>

#include "core/device.h"

namespace leia {

// "rms_norm_forward(input: float32[2, 3], ...)"
template <class Operation>
std::string describe(const Operation& operation) {
  std::string result = operation.kName;
  const char* separator = "(";
  visit_tensors(operation, [&](const char* name, const Tensor& tensor, Access) {
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
  visit_tensors(operation, [&](const char* name, const Tensor& tensor, Access) {
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

// How each kind of device executes an operation; nullptr where its kernels are not linked in.
template <class Operation>
inline std::array<Execution<Operation>, kDeviceKinds> executions{};

// Names of the operations that a kind of device executes.
inline std::vector<std::string>& operations_on(DeviceKind kind) {
  static std::array<std::vector<std::string>, kDeviceKinds> names;
  return names[static_cast<size_t>(kind)];
}

// Called when the program is loaded, by the file with the kernels.
template <class Operation>
bool register_execution(DeviceKind kind, Execution<Operation> execution) {
  executions<Operation>[static_cast<size_t>(kind)] = execution;
  operations_on(kind).push_back(Operation::kName);
  return true;
}

// Throws "unsupported" for an operation that the kind of device has no kernels for.
template <class Operation>
Execution<Operation> execution_on(DeviceKind kind) {
  const Execution<Operation> execution = executions<Operation>[static_cast<size_t>(kind)];
  if (execution != nullptr) return execution;
  fail("unsupported",
       text(Operation::kName, ": there are no ", kind == DeviceKind::cpu ? "CPU" : "CUDA",
            " kernels for this operation yet"));
}

template <class Operation>
class OperationWork final : public Work {
 public:
  OperationWork(const Operation& operation, Execution<Operation> execution)
      : operation_(operation), execution_(execution) {}

  void run(ExecutionContext& context) const override { execution_(operation_, context); }
  std::string describe() const override { return leia::describe(operation_); }
  std::vector<Operand> operands() const override {
    std::vector<Operand> result;
    visit_tensors(operation_, [&](const char*, const Tensor& tensor, Access access) {
      if (tensor) result.emplace_back(tensor, access);
    });
    return result;
  }

 private:
  const Operation operation_;
  const Execution<Operation> execution_;
};

template <class Operation>
void run(const Operation& operation) {
  Device& device = device_of(operation);
  validate(operation);
  device.enqueue(std::make_shared<const OperationWork<Operation>>(
      operation, execution_on<Operation>(device.kind())));
}

}  // namespace leia
