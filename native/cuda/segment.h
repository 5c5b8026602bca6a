// What a device has launched and not yet settled: its account until the device is past it.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <vector>

#include "core/rank_work.h"
#include "cuda/communication.h"
#include "cuda/execution.h"

namespace leia {

// What one operation or copy that was launched uses, and how that went.
struct Step {
  std::vector<Operand> operands;
  std::exception_ptr error;  // of the launch
  // The error words that it may set.
  size_t first_word = 0, last_word = 0;
  bool is_awaited = false;  // by who queued it
  // Of a collective: what went wrong since the launch.
  RankWork::Check check;
  FlightPtr flight;
};

// A captured graph that was launched.
struct GraphLaunch {
  std::shared_ptr<const std::vector<Step>> steps;
  ErrorWords::Reading words;
  std::exception_ptr error;
};

// What is launched between two points at which the waiting thread checks the stream.
struct Segment {
  struct Part {
    std::vector<Step> steps;
    std::optional<GraphLaunch> graph;  // after those
  };
  std::vector<Part> parts{1};
  size_t count = 0;  // of steps
  std::vector<FlightPtr> flights;
  ErrorWords::Reading words;  // of the steps that are in no graph
  gpu::Event end = nullptr;
  std::exception_ptr error;  // of what ends it
};

}  // namespace leia
