#include "emulator/wgmma.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/dtype.h"
#include "core/error.h"
#include "emulator/block.h"
#include "emulator/matrix.h"

namespace leia::emulator {

namespace {

constexpr uint32_t kAllLanes = ~0u, kWarps = 4, kRows = 64, kDepth = 16, kWarpRows = 16;
constexpr size_t kChunk = 16, kLine = 128, kAtom = 1024;
constexpr uint32_t kPoison = 0x7fa0dead;  // a signalling NaN: arithmetic makes it another

Block& block() {
  return *Block::current().block;
}

uint32_t own_warp() {
  return Block::current().linear / kWarp;
}

bool same_product(const WarpgroupProduct& a, const WarpgroupProduct& b) {
  return a.columns == b.columns && a.accumulates == b.accumulates &&
         a.a_in_registers == b.a_in_registers && a.a == b.a && a.b == b.b &&
         a.b_transposed == b.b_transposed;
}

// A matrix in shared memory as its descriptor says (PTX ISA, "Matrix Descriptor Format", "Strides",
// "Canonical Layouts"), 128-byte swizzle only. A line of 128 bytes holds 64 numbers that follow
// each other in the major dimension; an atom of 1,024 bytes holds eight such lines. K-major: lines
// are rows (or columns, of b), and atoms of eight lines are `stride` apart; 16 numbers of a line
// are read. Otherwise lines are steps of k, atoms of eight steps are `stride` apart, and atoms of
// 64 rows `leading`. Then bits 7 to 9 of the address are added to its bits 4 to 6 without carry.
class SharedMatrix {
 public:
  SharedMatrix(uint64_t descriptor, bool k_major, const char* name, const Where& where)
      : start_(field(descriptor, 0)),
        leading_(field(descriptor, 16)),
        stride_(field(descriptor, 32)),
        k_major_(k_major) {
    const uint64_t base_offset = descriptor >> 49 & 7, swizzle = descriptor >> 62;
    constexpr uint64_t kFields = 0x3fffu | uint64_t{0x3fff} << 16 | uint64_t{0x3fff} << 32 |
                                 uint64_t{7} << 49 | uint64_t{3} << 62;
    const auto refuse = [&](const std::string& what) {
      throw Fault(where, text("wgmma: descriptor of ", name, ": ", what));
    };
    if ((descriptor & ~kFields) != 0) refuse("bits are set that have no meaning");
    if (swizzle != 1) refuse(text("swizzle mode ", swizzle, ", only 1 (128 bytes) is emulated"));
    if (base_offset != 0) refuse(text("base offset ", base_offset, ", only 0 is emulated"));
    // Within a line, a matrix that is K-major may begin at any 16 numbers.
    const size_t within = start_ % kAtom;
    if (k_major ? within % (2 * kDepth) != 0 || within >= kLine : within != 0) {
      refuse(text("misaligned: it begins at shared byte ", start_));
    }
    if (stride_ % kAtom != 0) refuse(text("stride of ", stride_, " bytes, not whole atoms"));
    if (!k_major && leading_ % kAtom != 0) {
      refuse(text("leading offset of ", leading_, " bytes, not whole atoms"));
    }
  }

  // Where element (i, k) lies, i a row of a or a column of b.
  size_t offset(uint32_t i, uint32_t k) const {
    const size_t line = k_major_ ? i : k, along = k_major_ ? k : i;
    const size_t linear =
        start_ + line / 8 * stride_ + line % 8 * kLine + along % 64 * 2 + along / 64 * leading_;
    return linear ^ (linear >> 3 & 0x70);
  }

  // Calls visit with the offset of every 16 bytes of a matrix of `size` rows (or columns).
  template <class Visit>
  void for_each_chunk(uint32_t size, Visit&& visit) const {
    const uint32_t step = kChunk / 2;
    for (uint32_t i = 0; i < size; i += k_major_ ? 1 : step) {
      for (uint32_t k = 0; k < kDepth; k += k_major_ ? step : 1) visit(offset(i, k));
    }
  }

 private:
  static size_t field(uint64_t descriptor, uint32_t bit) {
    return static_cast<size_t>(descriptor >> bit & 0x3fff) << 4;
  }

  size_t start_, leading_, stride_;
  bool k_major_;
};

template <class Visit>
void for_each_operand_chunk(const WarpgroupProduct& product, const Where& where, Visit&& visit) {
  // It is up to the GPU which of the rows a warp reads, so each warp counts as a reader of all.
  if (!product.a_in_registers) {
    SharedMatrix(product.a, true, "a", where).for_each_chunk(kRows, visit);
  }
  SharedMatrix(product.b, !product.b_transposed, "b", where).for_each_chunk(product.columns, visit);
}

// The warp as one reader, which counts as different from each of its threads.
Accessor warp_accessor() {
  Accessor who = block().accessor();
  who.thread = SharedMemory::kMany;
  return who;
}

struct Multiply {
  const WarpgroupProduct* product;
  Registers sums, left;
  Where where;
};

// The lane's values in the registers that its last fence named, or nothing.
const uint32_t* handed_values(const WarpProducts& own, uint32_t lane, const Registers& registers) {
  const auto* from = static_cast<const std::byte*>(registers.data);
  for (const HandedRegisters& handed : own.handed[lane]) {
    const std::byte* end = handed.data + 4 * handed.values.size();
    if (from >= handed.data && from + 4 * registers.count <= end) {
      return handed.values.data() + (from - handed.data) / 4;
    }
  }
  return nullptr;
}

void check_handed(const WarpProducts& own, uint32_t lane, const Registers& registers,
                  const char* what, const Where& where) {
  const uint32_t* values = handed_values(own, lane, registers);
  if (values == nullptr) {
    throw Fault(where, text("wgmma: no wgmma.fence after the last access of its ", what));
  }
  if (std::memcmp(values, registers.data, 4 * registers.count) != 0) {
    throw Fault(where, text("wgmma: its ", what, " were written after the wgmma.fence"));
  }
}

void check_poison(const WarpProducts::Sums& sums, const Where& where) {
  for (const uint32_t* now : sums.registers) {
    if (std::any_of(now, now + sums.columns / 2, [](uint32_t each) { return each != kPoison; })) {
      throw Fault(where, "wgmma: its sums were written while a product was under way");
    }
  }
}

// The sums of a product: those that are under way already, or new ones, which begin with what the
// registers hold.
WarpProducts::Sums& sums_of(WarpProducts& own, const std::array<Multiply*, kWarp>& lanes) {
  const Multiply& first = *lanes[0];
  const uint32_t columns = first.product->columns;
  for (WarpProducts::Sums& sums : own.sums) {
    if (sums.registers[0] != first.sums.data) continue;
    if (sums.columns != columns) {
      throw Fault(first.where, "wgmma: its sums are under way in a product of another shape");
    }
    check_poison(sums, first.where);
    return sums;
  }
  WarpProducts::Sums sums{{}, columns, 0, {}};
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    const Registers& registers = lanes[lane]->sums;
    check_handed(own, lane, registers, "sums", first.where);
    sums.registers[lane] = static_cast<uint32_t*>(registers.data);
    sums.values[lane].resize(registers.count);
    std::memcpy(sums.values[lane].data(), registers.data, 4 * registers.count);
    std::fill_n(sums.registers[lane], registers.count, kPoison);
  }
  return own.sums.emplace_back(std::move(sums));
}

void issue(const std::array<Multiply*, kWarp>& lanes, uint32_t) {
  const Multiply& first = *lanes[0];
  const WarpgroupProduct& product = *first.product;
  for (const Multiply* lane : lanes) {
    if (!same_product(product, *lane->product)) {
      throw Fault(first.where, "divergent: lanes of a warp issue different wgmma");
    }
  }
  WarpProducts& own = block().products();
  Warpgroup& group = block().warpgroup();
  if (own.issued == group.issues.size()) {
    group.issues.push_back({product, first.where, own_warp()});
  } else if (const auto& other = group.issues[own.issued];
             !same_product(product, other.product) || !same_place(first.where, other.where)) {
    throw Fault(first.where, text("divergent: wgmma differs from what warp ", other.warp,
                                  " of the warpgroup issued, ", place(other.where)));
  }
  const Accessor who = warp_accessor();
  for_each_operand_chunk(product, first.where, [&](size_t offset) {
    block().shared().begin_async_read(offset, kChunk, who, first.where);
  });
  WarpProducts::Issued issued{product, own.issued++, first.where, nullptr, {}, {}};
  WarpProducts::Sums& sums = sums_of(own, lanes);
  ++sums.under_way;
  issued.sums = sums.registers[0];
  for (uint32_t lane = 0; product.a_in_registers && lane < kWarp; ++lane) {
    const Registers& left = lanes[lane]->left;
    check_handed(own, lane, left, "left operand's registers", first.where);
    issued.left[lane] = static_cast<uint32_t*>(left.data);
    std::memcpy(issued.left_values[lane].data(), left.data, sizeof(issued.left_values[lane]));
  }
  own.open_group.push_back(issued);
  block().wake_warpgroup();
}

float number_at(size_t offset) {
  uint16_t bits;
  std::memcpy(&bits, block().shared().data() + offset, sizeof(bits));
  return to_float(bfloat16{bits});
}

// The warp's 16 rows. With g = lane / 4 and t = lane % 4: number i of a in registers is that of row
// g + 8 * (i / 2 % 2), k = 2t + i % 2 + 8 * (i / 4); sum i that of row g + 8 * (i / 2 % 2), column
// 8 * (i / 4) + 2t + i % 2.
void multiply_now(const WarpProducts::Issued& issued, WarpProducts::Sums& sums) {
  const WarpgroupProduct& product = issued.product;
  float a[kWarpRows][kDepth];
  if (product.a_in_registers) {
    for (uint32_t lane = 0; lane < kWarp; ++lane) {
      for (uint32_t i = 0; i < 8; ++i) {
        a[lane / 4 + 8 * (i / 2 % 2)][lane % 4 * 2 + i % 2 + 8 * (i / 4)] =
            half_of(issued.left_values[lane][i / 2], i % 2);
      }
    }
  } else {
    const SharedMatrix matrix(product.a, true, "a", issued.where);
    for (uint32_t row = 0; row < kWarpRows; ++row) {
      for (uint32_t k = 0; k < kDepth; ++k) {
        a[row][k] = number_at(matrix.offset(own_warp() % kWarps * kWarpRows + row, k));
      }
    }
  }
  const SharedMatrix matrix(product.b, !product.b_transposed, "b", issued.where);
  for (uint32_t column = 0; column < product.columns; ++column) {
    float b[kDepth];
    for (uint32_t k = 0; k < kDepth; ++k) b[k] = number_at(matrix.offset(column, k));
    for (uint32_t row = 0; row < kWarpRows; ++row) {
      const uint32_t lane = row % 8 * 4 + column % 8 / 2;
      float& target = sums.values[lane][column / 8 * 4 + row / 8 * 2 + column % 2];
      float sum = product.accumulates ? target : 0.0f;
      for (uint32_t k = 0; k < kDepth; k += kProductBlock) {
        float left[kProductBlock], right[kProductBlock];
        std::copy_n(a[row] + k, kProductBlock, left);
        std::copy_n(b + k, kProductBlock, right);
        sum = add_products(sum, left, right);
      }
      target = sum;
    }
  }
}

struct Wait {
  size_t pending;
  std::initializer_list<Registers> registers;
  Where where;

  bool names(const void* data, size_t count) const {
    const auto* from = static_cast<const std::byte*>(data);
    return std::any_of(registers.begin(), registers.end(), [&](const Registers& named) {
      const auto* begin = static_cast<const std::byte*>(named.data);
      return from >= begin && from + 4 * count <= begin + 4 * named.count;
    });
  }
};

void complete(const WarpProducts::Issued& issued, WarpProducts& own,
              const std::array<Wait*, kWarp>& lanes) {
  for (uint32_t lane = 0; issued.product.a_in_registers && lane < kWarp; ++lane) {
    const auto& values = issued.left_values[lane];
    if (!lanes[lane]->names(issued.left[lane], values.size())) {
      throw Fault(lanes[lane]->where, "wgmma: the wait does not name the left operand's registers");
    }
    if (std::memcmp(values.data(), issued.left[lane], sizeof(values)) != 0) {
      throw Fault(issued.where,
                  "wgmma: its left operand's registers were written while it was under way");
    }
  }
  const auto sums = std::find_if(
      own.sums.begin(), own.sums.end(),
      [&](const WarpProducts::Sums& each) { return each.registers[0] == issued.sums; });
  multiply_now(issued, *sums);
  --sums->under_way;
  const Accessor who = warp_accessor();
  for_each_operand_chunk(issued.product, issued.where, [&](size_t offset) {
    block().shared().end_async_read(offset, kChunk, who);
  });
}

void end_wait(const std::array<Wait*, kWarp>& lanes, uint32_t) {
  WarpProducts& own = block().products();
  for (; own.groups.size() > lanes[0]->pending; own.groups.pop_front()) {
    for (const WarpProducts::Issued& issued : own.groups.front()) complete(issued, own, lanes);
  }
  std::erase_if(own.sums, [&](const WarpProducts::Sums& sums) {
    const size_t count = sums.columns / 2;
    if (!lanes[0]->names(sums.registers[0], count)) return false;
    if (sums.under_way != 0) {
      throw Fault(lanes[0]->where, "wgmma: sums that the wait names are still under way");
    }
    check_poison(sums, lanes[0]->where);
    for (uint32_t lane = 0; lane < kWarp; ++lane) {
      std::memcpy(sums.registers[lane], sums.values[lane].data(), 4 * count);
    }
    return true;
  });
  for (uint32_t lane = 0; lane < kWarp; ++lane) {
    std::erase_if(own.handed[lane], [&](const HandedRegisters& handed) {
      return lanes[lane]->names(handed.data, handed.values.size());
    });
  }
}

struct Nothing {};

void commit(const std::array<Nothing*, kWarp>&, uint32_t) {
  WarpProducts& own = block().products();
  own.groups.push_back(std::move(own.open_group));
  own.open_group.clear();
}

}  // namespace

void warpgroup_fence(std::initializer_list<Registers> registers, const Where& where) {
  const uint32_t lane = Block::current().linear % kWarp;
  auto& handed = block().products().handed[lane];
  for (const Registers& each : registers) {
    const auto* data = static_cast<const std::byte*>(each.data);
    std::erase_if(handed, [&](const HandedRegisters& before) {
      return data < before.data + 4 * before.values.size() && before.data < data + 4 * each.count;
    });
    HandedRegisters now{data, std::vector<uint32_t>(each.count)};
    std::memcpy(now.values.data(), each.data, 4 * each.count);
    handed.push_back(std::move(now));
  }
  Nothing nothing;
  block().collective<Nothing>("wgmma.fence", kAllLanes, nothing, where,
                              [](const std::array<Nothing*, kWarp>&, uint32_t) {});
}

void warpgroup_multiply(const WarpgroupProduct& product, Registers sums, Registers left,
                        const Where& where) {
  if (block().size().count() / kWarp / kWarps <= own_warp() / kWarps) {
    throw Fault(where, "divergent: wgmma by a warp that has no three others beside it");
  }
  Multiply mine{&product, sums, left, where};
  block().collective<Multiply>("wgmma.mma_async", kAllLanes, mine, where, &issue);
}

void warpgroup_commit(const Where& where) {
  Nothing nothing;
  block().collective<Nothing>("wgmma.commit_group", kAllLanes, nothing, where, &commit);
}

void warpgroup_wait(size_t pending, std::initializer_list<Registers> registers,
                    const Where& where) {
  // A product is done when all four warps have issued it.
  const WarpProducts& own = block().products();
  size_t least = 0;
  for (size_t i = 0; i + pending < own.groups.size(); ++i) {
    if (!own.groups[i].empty()) least = own.groups[i].back().number + 1;
  }
  block().wait_for_issues(least, where);
  Wait mine{pending, registers, where};
  block().collective<Wait>("wgmma.wait_group", kAllLanes, mine, where, &end_wait);
}

void fence_proxy_async() {
  const Accessor who = block().accessor();
  block().shared().fence_proxy(who);
}

}  // namespace leia::emulator
