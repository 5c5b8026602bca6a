// A tensor is a contiguous, row-major range of a storage. Copies of a Tensor share the storage; the
// memory is freed when the last copy goes, so work that is still queued keeps alive what it uses.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace leia {

class Device;
class Poison;

// Memory of one device. Freed by the device that allocated it.
class Storage {
 public:
  Storage(std::shared_ptr<Device> device, void* data, size_t bytes, std::shared_ptr<Poison> poison)
      : device_(std::move(device)), data_(data), bytes_(bytes), poison_(std::move(poison)) {}
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  const std::shared_ptr<Device>& device() const { return device_; }
  void* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  // Which of its bytes hold nothing of use (core/failures.h).
  const std::shared_ptr<Poison>& poison() const { return poison_; }

 private:
  std::shared_ptr<Device> device_;
  void* data_;
  size_t bytes_;
  std::shared_ptr<Poison> poison_;
};

// Up to five dimensions, outermost first.
class Shape {
 public:
  static constexpr int kMaxRank = 5;

  Shape() = default;
  Shape(std::initializer_list<int64_t> sizes) {
    for (int64_t size : sizes) append(size);
  }
  void append(int64_t size) {
    require(rank_ < kMaxRank, "a tensor has at most ", kMaxRank, " dimensions");
    sizes_[static_cast<size_t>(rank_++)] = size;
  }
  void set(int index, int64_t size) { sizes_[static_cast<size_t>(index)] = size; }
  int rank() const { return rank_; }
  // Negative indices count from the innermost dimension.
  int64_t operator[](int index) const {
    return sizes_[static_cast<size_t>(index < 0 ? rank_ + index : index)];
  }
  int64_t elements() const {
    int64_t product = 1;
    for (int i = 0; i < rank_; ++i) product *= (*this)[i];
    return product;
  }
  bool operator==(const Shape& other) const = default;
  // "[2, 3]"
  std::string to_string() const;

 private:
  std::array<int64_t, kMaxRank> sizes_{};
  int rank_ = 0;
};

struct Tensor {
  std::shared_ptr<Storage> storage;
  int64_t byte_offset = 0;
  DType dtype = DType::float32;
  Shape shape;

  // False for an optional argument that was not given.
  explicit operator bool() const { return storage != nullptr; }
  int64_t elements() const { return shape.elements(); }
  size_t bytes() const { return static_cast<size_t>(elements()) * size_of(dtype); }
  template <class T>
  T* data() const {
    return reinterpret_cast<T*>(static_cast<std::byte*>(storage->data()) + byte_offset);
  }
  // Number of rows when all but the innermost dimension are taken together.
  int64_t rows() const { return shape.rank() == 0 ? 1 : elements() / (shape[-1] ? shape[-1] : 1); }
  // "float32[2, 3]"
  std::string to_string() const;
};

// Argument checks for validate(): each names the operation, the argument, the expectation and the
// value that came.
void check_shape(const char* operation, const char* name, const Tensor& tensor,
                 const Shape& expected);
void check_dtype(const char* operation, const char* name, const Tensor& tensor, DType expected);
// One of those that operations compute in: float32 or bfloat16.
void check_float(const char* operation, const char* name, const Tensor& tensor);
// Or int32.
void check_number(const char* operation, const char* name, const Tensor& tensor);
void check_rank(const char* operation, const char* name, const Tensor& tensor, int rank);
void check_like(const char* operation, const char* name, const Tensor& tensor, const Tensor& other);
// An output may share no memory with the other tensor.
void check_apart(const char* operation, const char* name, const Tensor& tensor,
                 const char* other_name, const Tensor& other);
// An output of an element-by-element operation may be the other tensor itself, but not overlap it
// otherwise.
void check_same_or_apart(const char* operation, const char* name, const Tensor& tensor,
                         const char* other_name, const Tensor& other);

struct NamedTensor {
  std::string name;
  Tensor tensor;
};
// No two of these may share memory: check_apart for many, in the time that sorting them takes.
void check_all_apart(const char* operation, std::vector<NamedTensor> tensors);

// What an operation does with a tensor: reads it; overwrites all of it, whatever it held; or both,
// as with one that it adds to. One that may be the same tensor as an output is still only read.
enum class Access { read, write, update };

// Marks an argument that need not be given; it is an empty tensor or list then.
constexpr bool kOptional = true;

// Passes on only those of an operation's arguments that are tensors.
template <class Visit>
class TensorsOnly {
 public:
  explicit TensorsOnly(Visit& visit) : visit_(visit) {}
  void operator()(const char* name, const Tensor& tensor, Access access, bool = false) const {
    visit_(name, tensor, access);
  }
  // A list: "gradients[0]", ...
  void operator()(const char* name, const std::vector<Tensor>& list, Access access,
                  bool = false) const {
    for (size_t i = 0; i < list.size(); ++i)
      visit_(text(name, "[", i, "]").c_str(), list[i], access);
  }
  template <class Number>
  void operator()(const char*, const Number&) const {}

 private:
  Visit& visit_;
};

// Calls visit(name, tensor, access) for all tensors of an operation, the empty ones too.
template <class Operation, class Visit>
void visit_tensors(const Operation& operation, Visit&& visit) {
  Operation::arguments(operation, TensorsOnly(visit));
}

// The indices of a flat element index: "[1, 17]".
std::string position_of(const Shape& shape, int64_t element);

}  // namespace leia
