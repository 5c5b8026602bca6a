// A piece of work for a stream: an operation with its arguments, or a copy.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/failures.h"
#include "core/tensor.h"

namespace leia {

// What an execution is given; each kind of device has its own.
struct ExecutionContext {};

class Work {
 public:
  virtual ~Work() = default;
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  virtual void run(ExecutionContext& context) const = 0;
  // "rms_norm_forward(input: float32[2, 3], ...)": what an error begins with.
  virtual std::string describe() const = 0;
  // The memory that it reads and writes.
  virtual std::vector<Operand> operands() const = 0;
};
using WorkPtr = std::shared_ptr<const Work>;

// Work that does body(context) with one tensor.
template <class Body>
class TensorWork final : public Work {
 public:
  TensorWork(const char* name, Tensor tensor, Access access, Body body)
      : name_(name), tensor_(std::move(tensor)), access_(access), body_(std::move(body)) {}

  void run(ExecutionContext& context) const override { body_(context); }
  std::string describe() const override {
    return text(name_, "(tensor: ", tensor_.to_string(), ")");
  }
  std::vector<Operand> operands() const override { return {Operand(tensor_, access_)}; }

 private:
  const char* name_;
  Tensor tensor_;
  Access access_;
  Body body_;
};

template <class Body>
WorkPtr tensor_work(const char* name, const Tensor& tensor, Access access, Body body) {
  return std::make_shared<TensorWork<Body>>(name, tensor, access, std::move(body));
}

}  // namespace leia
