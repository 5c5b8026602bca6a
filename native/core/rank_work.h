// Work between ranks.
#pragma once

#include <functional>

#include "core/work.h"

namespace leia {

// On a GPU it goes on, beside other work, after run() has returned.
class RankWork : public Work {
 public:
  // Throws what has gone wrong since. The device calls it while it waits for the work; and once,
  // with `is_over`, when it is past it.
  using Check = std::function<void(bool is_over)>;
  virtual Check check_later() const = 0;
};

}  // namespace leia
