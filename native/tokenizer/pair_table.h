// A value for each of some pairs of numbers: a hash table with open addressing, filled once.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace leia::tokenizer {

template <class Value>
class PairTable {
 public:
  // Makes room for so many pairs.
  explicit PairTable(size_t pairs) : slots_(std::bit_ceil(2 * pairs + 2)) {
    shift_ = std::countl_zero(slots_.size() - 1);
  }

  // Sets the value of a pair in place of an earlier one.
  void set(uint32_t left, uint32_t right, const Value& value) {
    const uint64_t key = key_of(left, right);
    Slot* slot = &slots_[first_slot(key)];
    while (slot->key != kEmpty && slot->key != key) slot = after(slot);
    *slot = {key, value};
  }

  // Nothing if the pair has no value.
  const Value* find(uint32_t left, uint32_t right) const {
    const uint64_t key = key_of(left, right);
    const Slot* slot = &slots_[first_slot(key)];
    while (slot->key != key) {
      if (slot->key == kEmpty) return nullptr;
      slot = after(slot);
    }
    return &slot->value;
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};  // no id, no character is that large
  struct Slot {
    uint64_t key = kEmpty;
    Value value{};
  };

  static uint64_t key_of(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }
  size_t first_slot(uint64_t key) const { return key * 0x9e3779b97f4a7c15u >> shift_; }
  const Slot* after(const Slot* slot) const {
    return slot == &slots_.back() ? &slots_.front() : slot + 1;
  }
  Slot* after(Slot* slot) { return slot == &slots_.back() ? &slots_.front() : slot + 1; }

  std::vector<Slot> slots_;
  int shift_;
};

}  // namespace leia::tokenizer
