#include "ops/permute/permute.h"

namespace leia {

void validate(const Permute& op) {
  const int rank = op.input.shape.rank();
  std::array<bool, Shape::kMaxRank> seen{};
  std::string list;
  bool fits = static_cast<int>(op.order.size()) == rank;
  for (const int64_t dimension : op.order) {
    list += text(list.empty() ? "" : ", ", dimension);
    fits = fits && dimension >= 0 && dimension < rank && !seen[static_cast<size_t>(dimension)];
    if (fits) seen[static_cast<size_t>(dimension)] = true;
  }
  require(fits, op.kName, ": order is [", list, "], expected each dimension of input ",
          op.input.shape.to_string(), " once, counted from 0");
  Shape expected;
  for (const int64_t dimension : op.order)
    expected.append(op.input.shape[static_cast<int>(dimension)]);
  check_shape(op.kName, "output", op.output, expected);
  check_dtype(op.kName, "output", op.output, op.input.dtype);
  check_apart(op.kName, "output", op.output, "input", op.input);
}

StridedCopy copy_of(const Permute& op) {
  const auto from = strides_of(op.input.shape), to = strides_of(op.output.shape);
  StridedCopy copy{.from = op.input, .to = op.output};
  for (size_t i = 0; i < op.order.size(); ++i) {
    copy.append(
        {op.output.shape[static_cast<int>(i)], from[static_cast<size_t>(op.order[i])], to[i]});
  }
  return copy;
}

}  // namespace leia
