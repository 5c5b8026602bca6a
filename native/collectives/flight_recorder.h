// What this rank's last collectives were and how far each has come. A run that waits for ever says
// nothing of itself; when it is ended, the records of all ranks show who waited for whom. Each
// collective is noted three times, which costs a lock that is nearly always free.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "collectives/collective.h"

namespace leia {

enum class CollectiveState : int32_t { queued, begun, done, failed };
const char* name_of(CollectiveState state);

struct FlightRecord {
  using Time = std::chrono::steady_clock::time_point;

  Signature signature;
  std::string place;
  CollectiveState state = CollectiveState::queued;
  // Time{} for what has not happened.
  Time queued, begun, ended;
  // The ranks that had not come to it when this rank last looked; unknown to libraries that do not
  // say.
  std::optional<std::vector<int>> missing;
};

// Any method may be called from any thread.
class FlightRecorder {
 public:
  static constexpr size_t kKept = 2000;

  // Gives the collective its number: how many were queued before it.
  int64_t queue(Signature signature, const std::string& place);
  void begin(int64_t number);
  void await(int64_t number, std::vector<int> missing);
  // `seconds` that it took, if that is known better than by the time of this call.
  void end(int64_t number, CollectiveState state, std::optional<double> seconds = std::nullopt);

  // The oldest first.
  std::vector<FlightRecord> records() const;
  // How many of the collectives up to the last that was begun there are.
  int64_t begun() const;
  // The first that was begun and has not ended.
  std::optional<FlightRecord> current() const;
  // The time in which at least one collective was going on, of those that have ended.
  std::chrono::duration<double> spent() const;

 private:
  FlightRecord* find(int64_t number);

  mutable std::mutex mutex_;
  std::array<FlightRecord, kKept> ring_;  // that of number n is at n modulo its size
  int64_t queued_ = 0, begun_ = 0;
  std::chrono::duration<double> spent_{0};
  FlightRecord::Time last_end_{};
};

}  // namespace leia
