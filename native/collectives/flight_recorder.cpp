#include "collectives/flight_recorder.h"

#include <algorithm>
#include <utility>

namespace leia {

namespace {

FlightRecord::Time now() {
  return std::chrono::steady_clock::now();
}

size_t slot_of(int64_t number) {
  return static_cast<size_t>(number) % FlightRecorder::kKept;
}

}  // namespace

const char* name_of(CollectiveState state) {
  switch (state) {
    case CollectiveState::queued:
      return "queued";
    case CollectiveState::begun:
      return "begun";
    case CollectiveState::done:
      return "done";
    case CollectiveState::failed:
      return "failed";
  }
  return "unknown";
}

int64_t FlightRecorder::queue(Signature signature, const std::string& place) {
  std::lock_guard lock(mutex_);
  signature.number = queued_++;
  FlightRecord& record = ring_[slot_of(signature.number)];
  record.signature = signature;
  record.place = place;  // in the memory of the one that it replaces
  record.state = CollectiveState::queued;
  record.queued = now();
  record.begun = record.ended = {};
  record.missing.reset();
  return signature.number;
}

void FlightRecorder::begin(int64_t number) {
  std::lock_guard lock(mutex_);
  begun_ = std::max(begun_, number + 1);
  FlightRecord* record = find(number);
  if (record == nullptr) return;
  record->state = CollectiveState::begun;
  record->begun = now();
}

void FlightRecorder::await(int64_t number, std::vector<int> missing) {
  std::lock_guard lock(mutex_);
  if (FlightRecord* record = find(number)) record->missing = std::move(missing);
}

void FlightRecorder::end(int64_t number, CollectiveState state, std::optional<double> seconds) {
  std::lock_guard lock(mutex_);
  FlightRecord* record = find(number);
  if (record == nullptr) return;
  record->state = state;
  record->ended = now();
  // Where collectives overlap, their common time counts once. On a GPU they are known to have ended
  // late, but one begins after the other.
  spent_ += seconds ? std::chrono::duration<double>(*seconds)
                    : record->ended - std::max(record->begun, last_end_);
  last_end_ = record->ended;
}

std::vector<FlightRecord> FlightRecorder::records() const {
  std::lock_guard lock(mutex_);
  std::vector<FlightRecord> result;
  const int64_t kept = std::min(queued_, static_cast<int64_t>(kKept));
  result.reserve(static_cast<size_t>(kept));
  for (int64_t number = queued_ - kept; number < queued_; ++number) {
    result.push_back(ring_[slot_of(number)]);
  }
  return result;
}

int64_t FlightRecorder::begun() const {
  std::lock_guard lock(mutex_);
  return begun_;
}

std::optional<FlightRecord> FlightRecorder::current() const {
  std::lock_guard lock(mutex_);
  std::optional<FlightRecord> first;
  for (const FlightRecord& record : ring_) {
    if (record.state != CollectiveState::begun) continue;
    if (!first || record.signature.number < first->signature.number) first = record;
  }
  return first;
}

std::chrono::duration<double> FlightRecorder::spent() const {
  std::lock_guard lock(mutex_);
  return spent_;
}

FlightRecord* FlightRecorder::find(int64_t number) {
  FlightRecord& record = ring_[slot_of(number)];
  const bool is_kept = number < queued_ && record.signature.number == number;
  return is_kept ? &record : nullptr;
}

}  // namespace leia
