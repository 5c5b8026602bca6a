#include "emulator/shared_memory.h"

#include <cstring>

#include "core/error.h"

namespace leia::emulator {

namespace {

constexpr size_t kAlignment = 1024;  // what the widest swizzle asks for

}  // namespace

void SharedMemory::reset(size_t bytes) {
  bytes_ = bytes;
  ++generation_;
  for (auto& fences : fences_) fences.clear();
  if (data_.size() < bytes + kAlignment) data_.resize(bytes + kAlignment);
  const auto address = reinterpret_cast<uintptr_t>(data_.data());
  base_ = (kAlignment - address % kAlignment) % kAlignment;
  std::memset(data(), 0xff, bytes);  // NaN in every float type
  if (shadow_.size() < (bytes + kGranule - 1) / kGranule) {
    shadow_.resize((bytes + kGranule - 1) / kGranule);
  }
}

SharedMemory::Granule& SharedMemory::at(size_t offset) {
  Granule& granule = shadow_[offset / kGranule];
  if (granule.generation != generation_) {
    granule = Granule{};
    granule.generation = generation_;
  }
  return granule;
}

void SharedMemory::check_range(size_t offset, size_t size, const char* what,
                               const Where& where) const {
  if (offset + size > bytes_ || offset + size < offset) {
    throw Fault(where,
                text("out of bounds: ", what, " of ", size, " bytes at ",
                     static_cast<int64_t>(offset), " of ", bytes_, " bytes of shared memory"));
  }
  if (offset % size != 0) {
    throw Fault(where, text("misaligned: ", what, " of ", size, " bytes at shared byte ", offset));
  }
}

void SharedMemory::check_order(const Accessor& before, const Accessor& now, const char* what,
                               size_t offset, const Where& where) const {
  if (before.thread == kNobody || before.thread == now.thread) return;
  if (before.block_epoch != now.block_epoch) return;
  if (before.warp == now.warp && before.warp_epoch != now.warp_epoch) return;
  const std::string other =
      before.thread == kMany ? "other threads" : text("thread ", before.thread);
  throw Fault(where, text("race: shared byte ", offset, " was ", what, " by ", other,
                          " and no barrier lies between"));
}

void SharedMemory::check_read(size_t offset, size_t size, const Accessor& who, const Where& where) {
  check_range(offset, size, "a read", where);
  for (size_t at_byte = offset; at_byte < offset + size; at_byte += kGranule) {
    Granule& granule = at(at_byte);
    if (granule.in_flight) {
      throw Fault(where, text("read of shared byte ", at_byte,
                              " before the asynchronous copy to it was waited for"));
    }
    if (!granule.written) {
      throw Fault(where, text("uninitialised: shared byte ", at_byte, " was never written"));
    }
    check_order(granule.writer, who, "written", at_byte, where);
    note_read(granule, who);
  }
}

void SharedMemory::note_read(Granule& granule, const Accessor& who) {
  Accessor& reader = granule.reader;
  const bool earlier = reader.block_epoch != who.block_epoch ||
                       (reader.warp == who.warp && reader.warp_epoch != who.warp_epoch);
  if (reader.thread == kNobody || earlier) {
    reader = who;  // whoever conflicts with those before conflicts with this one
  } else if (reader.thread != who.thread) {
    reader.thread = kMany;
    if (reader.warp != who.warp) reader.warp = kMany;
  }
}

void SharedMemory::check_write(size_t offset, size_t size, const Accessor& who,
                               const Where& where) {
  check_range(offset, size, "a write", where);
  for (size_t at_byte = offset; at_byte < offset + size; at_byte += kGranule) {
    Granule& granule = at(at_byte);
    if (granule.in_flight) {
      throw Fault(where, text("write of shared byte ", at_byte,
                              " before the asynchronous copy to it was waited for"));
    }
    if (granule.async_readers != 0) {
      throw Fault(where, text("write of shared byte ", at_byte,
                              " while wgmma that was not waited for may read it"));
    }
    check_order(granule.writer, who, "written", at_byte, where);
    check_order(granule.reader, who, "read", at_byte, where);
    granule.written = true;
    note_write(granule, who);
  }
}

void SharedMemory::begin_copy(size_t offset, size_t size, const Accessor& who, const Where& where) {
  check_write(offset, size, who, where);
  for (size_t at_byte = offset; at_byte < offset + size; at_byte += kGranule) {
    at(at_byte).in_flight = true;
  }
}

void SharedMemory::land_copy(size_t offset, size_t size, const Accessor& who) {
  for (size_t at_byte = offset; at_byte < offset + size; at_byte += kGranule) {
    Granule& granule = at(at_byte);
    granule.in_flight = false;
    note_write(granule, who);
  }
}

void SharedMemory::note_write(Granule& granule, const Accessor& who) {
  granule.writer = who;
  granule.writer_fences =
      who.thread < fences_.size() ? static_cast<uint32_t>(fences_[who.thread].size()) : 0;
}

void SharedMemory::fence_proxy(const Accessor& who) {
  if (fences_.size() <= who.thread) fences_.resize(who.thread + 1);
  fences_[who.thread].push_back(who);
}

void SharedMemory::begin_async_read(size_t offset, size_t size, const Accessor& who,
                                    const Where& where) {
  check_read(offset, size, who, where);
  for (size_t at_byte = offset; at_byte < offset + size; at_byte += kGranule) {
    Granule& granule = at(at_byte);
    const uint32_t writer = granule.writer.thread;
    if (writer >= fences_.size() || fences_[writer].size() <= granule.writer_fences) {
      throw Fault(where, text("wgmma reads shared byte ", at_byte, ", which thread ", writer,
                              " wrote without a fence.proxy.async after it"));
    }
    // The first fence behind the write is the earliest to be ordered before this.
    const Accessor& fence = fences_[writer][granule.writer_fences];
    const bool earlier = fence.block_epoch != who.block_epoch ||
                         (fence.warp == who.warp && fence.warp_epoch != who.warp_epoch);
    if (!earlier) {
      throw Fault(where, text("wgmma reads shared byte ", at_byte, ": no barrier lies behind the ",
                              "fence.proxy.async of thread ", writer, ", which wrote it"));
    }
    ++granule.async_readers;
  }
}

void SharedMemory::end_async_read(size_t offset, size_t size, const Accessor& who) {
  for (size_t at_byte = offset; at_byte < offset + size; at_byte += kGranule) {
    Granule& granule = at(at_byte);
    --granule.async_readers;
    note_read(granule, who);
  }
}

}  // namespace leia::emulator
