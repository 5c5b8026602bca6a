// The second stream of a device, on which collectives run beside kernels. A collective begins when
// all that was launched before it is done. Work that is launched after it waits for it only if the
// two use the same bytes and one of them writes, so that callers see one stream.
//
// Memory that a collective uses is held until the first stream is past the collective: only then
// may the allocator give it to other work there.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core/work.h"
#include "cuda/stream_order.h"

namespace leia {

// A collective that is launched.
class Flight {
 public:
  Flight(WorkPtr work, std::vector<Operand> operands);
  ~Flight();
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  bool is_over() const { return gpu::is_reached(end_); }
  // That it took on the device, waiting for other ranks included; once it is over.
  double seconds() const;
  // Whether work with these operands must wait for it, or it for them.
  bool concerns(const std::vector<Operand>& operands) const;

 private:
  friend class Communication;

  WorkPtr work_;  // nullptr when it has let go of its memory
  const std::vector<Operand> operands_;
  const gpu::Event begin_, end_;
};
using FlightPtr = std::shared_ptr<Flight>;

// Of the launching thread alone, unless noted.
class Communication {
 public:
  explicit Communication(gpu::Stream first) : first_(first), stream_(gpu::create_stream()) {}
  ~Communication() { gpu::destroy(stream_); }
  Communication(const Communication&) = delete;
  Communication& operator=(const Communication&) = delete;

  gpu::Stream stream() const { return stream_; }
  // The work is about to be launched on the second stream, which waits for all that the first has.
  FlightPtr prepare(WorkPtr work, std::vector<Operand> operands);
  // It was launched.
  void depart(const FlightPtr& flight);
  // Work with these operands may be launched on the first stream from now on.
  void make_way(const std::vector<Operand>& operands);
  // Any work may.
  void make_way();
  // Lets go of their memory, once they are over; from any thread.
  void land(const std::vector<FlightPtr>& flights);

 private:
  void wait_for(size_t count);
  void forget(size_t count);

  const gpu::Stream first_, stream_;
  std::vector<FlightPtr> flights_;  // that the first stream is not known to be past, in their order
  std::mutex mutex_;                // of what flights hold
};

}  // namespace leia
