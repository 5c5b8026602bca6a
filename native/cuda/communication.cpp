#include "cuda/communication.h"

#include <algorithm>

namespace leia {

namespace {

bool conflicts(const Operand& one, const Operand& other) {
  return one.poison == other.poison && one.begin < other.end && other.begin < one.end &&
         (one.access != Access::read || other.access != Access::read);
}

}  // namespace

Flight::Flight(WorkPtr work, std::vector<Operand> operands)
    : work_(std::move(work)),
      operands_(std::move(operands)),
      begin_(gpu::create_event(gpu::EventKind::time)),
      end_(gpu::create_event(gpu::EventKind::time)) {}

Flight::~Flight() {
  gpu::destroy(begin_);
  gpu::destroy(end_);
}

double Flight::seconds() const {
  return static_cast<double>(gpu::milliseconds_between(begin_, end_)) / 1000;
}

bool Flight::concerns(const std::vector<Operand>& operands) const {
  return std::ranges::any_of(operands_, [&](const Operand& own) {
    return std::ranges::any_of(operands, [&](const Operand& one) { return conflicts(own, one); });
  });
}

FlightPtr Communication::prepare(WorkPtr work, std::vector<Operand> operands) {
  auto flight = std::make_shared<Flight>(std::move(work), std::move(operands));
  const gpu::Event before = gpu::create_event();
  gpu::record(before, first_);
  gpu::wait(stream_, before);
  gpu::destroy(before);
  gpu::record(flight->begin_, stream_);
  return flight;
}

void Communication::depart(const FlightPtr& flight) {
  gpu::record(flight->end_, stream_);
  flights_.push_back(flight);
}

void Communication::make_way(const std::vector<Operand>& operands) {
  // Those that are over need no waiting.
  size_t over = 0;
  while (over < flights_.size() && flights_[over]->is_over()) ++over;
  forget(over);
  // The last that concerns the work: those before it end before it.
  const auto last = std::find_if(flights_.rbegin(), flights_.rend(), [&](const FlightPtr& flight) {
    return flight->concerns(operands);
  });
  wait_for(static_cast<size_t>(flights_.rend() - last));
}

void Communication::make_way() {
  wait_for(flights_.size());
}

// The first stream waits for so many flights.
void Communication::wait_for(size_t count) {
  if (count == 0) return;
  gpu::wait(first_, flights_[count - 1]->end_);
  forget(count);
}

void Communication::forget(size_t count) {
  const auto end = flights_.begin() + static_cast<ptrdiff_t>(count);
  land({flights_.begin(), end});
  flights_.erase(flights_.begin(), end);
}

void Communication::land(const std::vector<FlightPtr>& flights) {
  for (const FlightPtr& flight : flights) {
    WorkPtr work;  // ends without the lock: that frees memory
    const std::lock_guard lock(mutex_);
    work.swap(flight->work_);
  }
}

}  // namespace leia
