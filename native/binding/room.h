// Memory for one call after the other, not written to before it is used.
#pragma once

#include <cstddef>
#include <memory>

namespace leia::binding {

template <class T>
class Room {
 public:
  T* of(size_t size) {
    if (size > size_ || size_ > kMost) {
      values_ = std::make_unique_for_overwrite<T[]>(size);
      size_ = size;
    }
    return values_.get();
  }

 private:
  static constexpr size_t kMost = size_t{4} << 20;  // much is given back
  std::unique_ptr<T[]> values_;
  size_t size_ = 0;
};

}  // namespace leia::binding
