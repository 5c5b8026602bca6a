// Work between ranks.
#pragma once

#include <functional>
#include <optional>

#include "core/work.h"

namespace leia {

// On a GPU it goes on, beside other work, after run() has returned.
class RankWork : public Work {
 public:
  // Throws what has gone wrong since. The device calls it while it waits for the work; and once,
  // when it is past it, with the seconds that the work took.
  using Check = std::function<void(std::optional<double> seconds)>;
  virtual Check check_later() const = 0;
};

}  // namespace leia
