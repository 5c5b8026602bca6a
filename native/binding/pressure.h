// Keeps JavaScript from running ahead of its devices. A call queues work and returns, and queued
// work keeps its tensors alive, so a loop that awaits nothing could fill the memory with tensors
// that it has disposed of long ago. All of this is of one thread, that of a JavaScript environment.
#pragma once

#include <cstdint>

#include "core/device.h"

namespace leia::binding {

// Bytes of one device that only queued work may keep alive.
constexpr int64_t kMostQueuedBytes = int64_t{1} << 30;

// By how much what handles hold may grow until JavaScript's garbage is collected. V8 alone would
// wait for several GB more.
constexpr int64_t kMostGrowth = int64_t{1} << 30;

// JavaScript has one handle more, or one less, on the tensor's memory.
void hold(const Tensor& tensor);
void let_go(const Tensor& tensor);

// Whether handles hold kMostGrowth more than after the last collection, or than the least since.
bool has_grown(const Device& device);
void note_collected(const Device& device);

// Before memory is allocated, or `copied` bytes are kept for a write: where queued work alone keeps
// more than kMostQueuedBytes alive, waits until the queue is empty.
void wait_if_ahead(Device& device, int64_t copied = 0);
// Waits until the queue is empty. Not for a device that is capturing.
void wait_until_done(Device& device);

}  // namespace leia::binding
