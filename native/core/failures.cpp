#include "core/failures.h"

#include <algorithm>

namespace leia {

Poison::~Poison() {
  if (!ranges_.empty()) --poisoned_;
}

FailurePtr Poison::cause(int64_t begin, int64_t end) const {
  FailurePtr first;
  for (const Range& range : ranges_) {
    const bool overlaps = range.begin < end && begin < range.end;
    if (overlaps && (first == nullptr || range.cause->number < first->number)) first = range.cause;
  }
  return first;
}

void Poison::put(int64_t begin, int64_t end, const FailurePtr& cause) {
  if (begin == end) return;
  clear(begin, end);
  std::vector<Range> ranges = ranges_;
  ranges.push_back({begin, end, cause});
  replace(std::move(ranges));
}

void Poison::clear(int64_t begin, int64_t end) {
  if (ranges_.empty()) return;
  std::vector<Range> kept;
  for (const Range& range : ranges_) {
    const int64_t left = std::min(range.end, begin), right = std::max(range.begin, end);
    if (range.begin < left) kept.push_back({range.begin, left, range.cause});
    if (right < range.end) kept.push_back({right, range.end, range.cause});
  }
  replace(std::move(kept));
}

void Poison::replace(std::vector<Range> ranges) {
  poisoned_ += static_cast<int64_t>(!ranges.empty()) - static_cast<int64_t>(!ranges_.empty());
  ranges_ = std::move(ranges);
}

FailurePtr Failures::add(std::exception_ptr error) {
  if (untold_.size() >= enough_) {
    std::erase_if(untold_, [](const FailurePtr& failure) { return failure->is_told.load(); });
    enough_ = 2 * untold_.size() + 16;
  }
  untold_.push_back(std::make_shared<Failure>(std::move(error), count_++));
  return untold_.back();
}

FailurePtr Failures::hand_out_first() {
  FailurePtr first;
  for (const FailurePtr& failure : untold_) {
    if (failure->is_handed_out) continue;
    if (first == nullptr) {
      first = failure;
    } else {
      failure->is_told = true;
    }
    failure->is_handed_out = true;
  }
  return first;
}

FailurePtr Failures::first_untold() const {
  const auto untold = [](const FailurePtr& failure) { return !failure->is_told; };
  const auto found = std::ranges::find_if(untold_, untold);
  return found == untold_.end() ? nullptr : *found;
}

FailurePtr Failures::first_cause(const std::vector<Operand>& operands) {
  FailurePtr first;
  for (const Operand& operand : operands) {
    if (operand.access == Access::write) continue;
    const FailurePtr cause = operand.poison->cause(operand.begin, operand.end);
    if (cause != nullptr && (first == nullptr || cause->number < first->number)) first = cause;
  }
  return first;
}

void Failures::poison_outputs(const std::vector<Operand>& operands, const FailurePtr& failure) {
  for (const Operand& operand : operands) {
    if (operand.access == Access::read) continue;
    operand.poison->put(operand.begin, operand.end, failure);
  }
}

void Failures::clear_outputs(const std::vector<Operand>& operands) {
  for (const Operand& operand : operands) {
    if (operand.access != Access::read) operand.poison->clear(operand.begin, operand.end);
  }
}

}  // namespace leia
