#include "emulator/block.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "core/error.h"

namespace leia::emulator {

thread_local Block::Thread* Block::current_ = nullptr;

namespace {

// splitmix64
uint64_t next_random(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::string coordinates(Dim3 index) {
  return text("(", index.x, ", ", index.y, ", ", index.z, ")");
}

}  // namespace

bool same_place(const Where& a, const Where& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         std::strcmp(a.file_name(), b.file_name()) == 0;
}

std::string place(const Where& where) {
  const std::string file = where.file_name();
  const size_t slash = file.rfind('/');
  return text(slash == std::string::npos ? file : file.substr(slash + 1), ":", where.line());
}

void Block::run(const char* kernel, Dim3 grid, Dim3 block, Dim3 index, size_t shared_bytes,
                uint64_t order, SharedTraffic* traffic, void (*body)(void*), void* argument) {
  kernel_ = kernel;
  grid_ = grid;
  size_ = block;
  index_ = index;
  body_ = body;
  argument_ = argument;
  random_ = order ^ (uint64_t{index.x} << 32 | uint64_t{index.y} << 16 | index.z);
  epoch_ = 0;
  fault_ = nullptr;
  shared_.reset(shared_bytes);
  const uint32_t count = block.count();
  warps_.assign((count + kWarp - 1) / kWarp, Warp{});
  warpgroups_.assign((warps_.size() + 3) / 4, Warpgroup{});
  conflicts_.start(traffic, warps_.size());
  while (threads_.size() < count) threads_.push_back(std::make_unique<Thread>());
  order_.resize(count);
  for (uint32_t i = 0; i < count; ++i) {
    Thread& thread = *threads_[i];
    thread.block = this;
    thread.linear = i;
    thread.index = {i % block.x, i / block.x % block.y, i / block.x / block.y};
    thread.state = Thread::State::ready;
    thread.open_group.clear();
    thread.groups.clear();
    thread.fiber.start(&Block::thread_main, &thread);
    order_[i] = i;
  }
  while (run_ready_threads()) {
  }
  conflicts_.settle_all();
}

// Gives every thread that can run its turn. False when all have finished.
bool Block::run_ready_threads() {
  for (size_t i = order_.size(); i > 1; --i) {
    std::swap(order_[i - 1], order_[next_random(random_) % i]);
  }
  bool progress = false;
  for (const uint32_t linear : order_) {
    Thread& thread = *threads_[linear];
    if (thread.state != Thread::State::ready) continue;
    progress = true;
    current_ = &thread;
    thread.fiber.resume();
    current_ = nullptr;
    if (!fault_) continue;
    try {
      std::rethrow_exception(std::exchange(fault_, nullptr));
    } catch (const Fault& fault) {
      report(thread, fault.where(), fault.what());
    }
  }
  if (progress) return true;
  size_t finished = 0, at_barrier = 0;
  for (size_t i = 0; i < order_.size(); ++i) {
    finished += threads_[i]->state == Thread::State::finished;
    at_barrier += threads_[i]->state == Thread::State::at_barrier;
  }
  if (finished == order_.size()) return false;
  if (at_barrier != order_.size()) {
    const Thread* stuck = nullptr;
    for (size_t i = 0; i < order_.size() && stuck == nullptr; ++i) {
      if (threads_[i]->state != Thread::State::finished) stuck = threads_[i].get();
    }
    report(*stuck, stuck->where, text("divergent: not all threads come to ", waiting()));
  }
  release_barrier();
  return true;
}

void Block::release_barrier() {
  for (size_t i = 0; i < order_.size(); ++i) {
    Thread& thread = *threads_[i];
    if (!same_place(thread.where, threads_[0]->where)) {
      report(thread, thread.where,
             text("divergent: thread 0 waits at another barrier, ", place(threads_[0]->where)));
    }
    thread.state = Thread::State::ready;
  }
  conflicts_.settle_all();
  ++epoch_;
}

// What the first waiting thread waits for, and how many do not: "__syncthreads; 31 of 64 ended
// before".
std::string Block::waiting() const {
  size_t finished = 0, waiting = 0;
  std::string name;
  for (size_t i = 0; i < order_.size(); ++i) {
    const Thread& thread = *threads_[i];
    if (thread.state == Thread::State::finished) {
      ++finished;
    } else {
      if (name.empty()) name = thread.waits_for;
      ++waiting;
    }
  }
  return text(name, "; ", waiting, " threads of ", order_.size(), " wait, ", finished,
              " have ended");
}

void Block::report(const Thread& thread, const Where& where, const std::string& what) const {
  throw Error("execution",
              text("emulator: ", what, " [kernel ", kernel_, ", block ", coordinates(index_),
                   ", thread ", coordinates(thread.index), ", ", place(where), "]"));
}

void Block::thread_main(void* argument) {
  auto& thread = *static_cast<Thread*>(argument);
  Block& block = *thread.block;
  try {
    block.body_(block.argument_);
    const WarpProducts& products = block.products();
    const auto& open = products.groups.empty() ? products.open_group : products.groups.front();
    if (!open.empty()) throw Fault(open[0].where, "wgmma: the thread ends without waiting for it");
  } catch (...) {
    block.fault_ = std::current_exception();
  }
  thread.state = Thread::State::finished;
}

Accessor Block::accessor() const {
  const uint32_t warp = current_->linear / kWarp;
  return {current_->linear, warp, epoch_, warps_[warp].epoch};
}

void Block::sync_threads(const Where& where) {
  Thread& thread = *current_;
  thread.state = Thread::State::at_barrier;
  thread.waits_for = "__syncthreads";
  thread.where = where;
  thread.fiber.yield();
}

void Block::sync_warp(uint32_t mask, const Where& where) {
  int nothing = 0;
  meet("__syncwarp", mask, &nothing, where, [this](const std::array<void*, kWarp>&, uint32_t) {
    ++warps_[current_->linear / kWarp].epoch;
  });
}

void Block::meet(const char* name, uint32_t mask, void* operand, const Where& where,
                 const std::function<void(const std::array<void*, kWarp>&, uint32_t)>& combine) {
  Thread& thread = *current_;
  Warp& warp = warps_[thread.linear / kWarp];
  const uint32_t lane = thread.linear % kWarp, first = thread.linear - lane;
  const uint32_t lanes = std::min(kWarp, static_cast<uint32_t>(order_.size()) - first);
  const uint32_t present = lanes == kWarp ? ~0u : (1u << lanes) - 1;
  if ((mask & ~present) != 0 || (mask & (1u << lane)) == 0) {
    throw Fault(where, text("divergent: ", name, " with a mask that ",
                            (mask & ~present) != 0 ? "names lanes the warp does not have"
                                                   : "leaves out the lane itself"));
  }
  if (warp.meeting == nullptr) {
    warp.meeting = name;
    warp.where = where;
    warp.mask = mask;
    warp.arrived = 0;
  } else if (warp.meeting != name || warp.mask != mask || !same_place(warp.where, where)) {
    throw Fault(where, text("divergent: ", name, ", while lanes of the same warp are at ",
                            warp.meeting, ", ", place(warp.where)));
  }
  warp.operands[lane] = operand;
  warp.arrived |= 1u << lane;
  if (warp.arrived != mask) {
    thread.state = Thread::State::at_collective;
    thread.waits_for = name;
    thread.where = where;
    thread.fiber.yield();
    return;
  }
  conflicts_.settle(thread.linear / kWarp);
  combine(warp.operands, mask);
  warp.meeting = nullptr;
  for (uint32_t i = 0; i < lanes; ++i) {
    if ((mask >> i & 1) != 0) threads_[first + i]->state = Thread::State::ready;
  }
}

void Block::wait_for_issues(size_t count, const Where& where) {
  Thread& thread = *current_;
  const size_t first = thread.linear / kWarp / 4 * 4;
  const auto issued = [&] {
    size_t least = count;
    for (size_t warp = first; warp < std::min(first + 4, warps_.size()); ++warp) {
      least = std::min(least, warps_[warp].products.issued);
    }
    return least >= count;
  };
  while (!issued()) {
    thread.state = Thread::State::at_warpgroup;
    thread.waits_for = "wgmma.mma_async";
    thread.where = where;
    thread.fiber.yield();
  }
}

void Block::wake_warpgroup() {
  const size_t first = current_->linear / (4 * kWarp) * (4 * kWarp);
  for (size_t i = first; i < std::min(first + 4 * kWarp, order_.size()); ++i) {
    if (threads_[i]->state == Thread::State::at_warpgroup) {
      threads_[i]->state = Thread::State::ready;
    }
  }
}

void Block::copy_async(const AsyncCopy& copy, const Where& where) {
  note_access(copy.shared_offset, copy.bytes, where);
  shared_.begin_copy(copy.shared_offset, copy.bytes, accessor(), where);
  current_->open_group.push_back(copy);
}

void Block::commit_group() {
  current_->groups.push_back(std::move(current_->open_group));
  current_->open_group.clear();
}

void Block::wait_group(size_t pending) {
  auto& groups = current_->groups;
  for (; groups.size() > pending; groups.pop_front()) {
    for (const AsyncCopy& copy : groups.front()) {
      std::byte* target = shared_.data() + copy.shared_offset;
      if (copy.source == nullptr) {
        std::memset(target, 0, copy.bytes);
      } else {
        std::memcpy(target, copy.source, copy.bytes);
      }
      shared_.land_copy(copy.shared_offset, copy.bytes, accessor());
    }
  }
}

}  // namespace leia::emulator
