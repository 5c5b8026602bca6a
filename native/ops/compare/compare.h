// Comparisons of two tensors, or of a tensor and a number, element by element: the output is 1
// where the comparison holds, else 0. Shapes are broadcast (core/broadcast.h). A number beside
// floats is rounded to their dtype first. No comparison with NaN holds but not_equal.
#pragma once

#include <type_traits>

#include "core/everywhere.h"
#include "core/tensor.h"

namespace leia {

enum class Comparison { equal, not_equal, less, less_equal, greater, greater_equal };

// One of a and b may be left out: `number` stands for it.
struct CompareArguments {
  Tensor a;  // any shape; float32, bfloat16 or int32
  Tensor b;  // dtype of a, a shape that broadcasts with a's
  double number;
  Tensor output;  // int32, the shape that both stretch to
};

template <Comparison Kind>
struct Compare : CompareArguments {
  static constexpr Comparison kKind = Kind;
  static constexpr const char* kNames[] = {"equal",      "not_equal", "less",
                                           "less_equal", "greater",   "greater_equal"};
  static constexpr const char* kName = kNames[static_cast<int>(Kind)];

  template <class Self, class Visit>
  static void arguments(Self& self, Visit&& visit) {
    visit("a", self.a, Access::read, kOptional);
    visit("b", self.b, Access::read, kOptional);
    visit("number", self.number);
    visit("output", self.output, Access::write);
  }
};

using Equal = Compare<Comparison::equal>;
using NotEqual = Compare<Comparison::not_equal>;
using Less = Compare<Comparison::less>;
using LessEqual = Compare<Comparison::less_equal>;
using Greater = Compare<Comparison::greater>;
using GreaterEqual = Compare<Comparison::greater_equal>;

void validate(const char* name, const CompareArguments& operation);

template <Comparison Kind>
void validate(const Compare<Kind>& operation) {
  validate(operation.kName, operation);
}

// Floats are compared as float32; int32 as float64, which holds all of them and any number beside
// them. Gives the number as it is held against values of type T.
template <class T>
auto number_as(double number) {
  if constexpr (std::is_same_v<T, int32_t>) {
    return number;
  } else {
    return to_float(from_float<T>(static_cast<float>(number)));
  }
}

template <Comparison Kind, class Value>
LEIA_EVERYWHERE bool holds(Value a, Value b) {
  if constexpr (Kind == Comparison::equal) return a == b;
  if constexpr (Kind == Comparison::not_equal) return a != b;
  if constexpr (Kind == Comparison::less) return a < b;
  if constexpr (Kind == Comparison::less_equal) return a <= b;
  if constexpr (Kind == Comparison::greater) return a > b;
  if constexpr (Kind == Comparison::greater_equal) return a >= b;
}

}  // namespace leia
