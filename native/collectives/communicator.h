// The ranks of a run, as one of them sees them. A collective is work on the stream of its tensors'
// device, like an operation: the call returns at once, and errors follow the data. CPUs are
// connected by MPI (mpi_communicator.cpp), GPUs by NCCL (nccl_communicator.cpp).
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "collectives/collective.h"
#include "collectives/flight_recorder.h"
#include "core/device.h"

namespace leia {

class Communicator : public std::enable_shared_from_this<Communicator> {
 public:
  Communicator(DeviceKind kind, int rank, int ranks) : kind_(kind), rank_(rank), ranks_(ranks) {}
  virtual ~Communicator() = default;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return rank_; }
  int ranks() const { return ranks_; }
  // The library that connects the ranks, in words.
  virtual std::string description() const = 0;

  // Checks the collective and queues it. Throws "argument".
  void enqueue(const std::shared_ptr<Device>& device, Collective collective);
  // Does it, on the stream's thread. `number` is what the recorder gave it when it was queued.
  void run(const Collective& collective, int64_t number, ExecutionContext& context);
  // Makes what waits for other ranks, now or later, fail with this reason; from any thread.
  void abort(const std::string& reason) { abort("execution", reason); }
  // The same for the end of the program, with the code "interrupted", as it is nobody's failure.
  void abandon() { abort("interrupted", "the process ends"); }
  // Of one that goes on after run(): throws what has gone wrong since; or, when the device is past
  // it, notes that it is done and what it took. From any thread.
  void check_later(int64_t number, std::optional<double> seconds);
  // The end of a run that went well, on all ranks, when their devices have nothing left to do.
  virtual void close() {}

  FlightRecorder& recorder() { return recorder_; }

 protected:
  virtual void execute(const Collective& collective, const Signature& signature,
                       ExecutionContext& context) = 0;
  virtual void on_abort() {}
  // Whether a collective is done when execute() returns. If not, check_later() tells the recorder
  // when it is.
  virtual bool is_done_when_executed() const { return true; }
  // Throws what has gone wrong between the ranks since the last collective was begun.
  virtual void look_for_errors() {}
  // Throws what abort() was called with.
  void refuse_aborted();

 private:
  void abort(const char* code, const std::string& reason);

  const DeviceKind kind_;
  const int rank_, ranks_;
  FlightRecorder recorder_;
  std::atomic<bool> aborted_{false};
  std::mutex mutex_;
  const char* code_ = nullptr;
  std::string reason_;
};

// Joins the ranks of this process's MPI job. Once for each process. Throws "unavailable" where
// there is no MPI, with the way to get it. MPI returns when all ranks have come: if they do not
// within so many seconds, the line goes to stderr and the process ends.
std::shared_ptr<Communicator> open_mpi(double seconds, const std::string& line);
// The MPI that open_mpi() would use, in words. Throws "unavailable" too.
std::string mpi_description();

}  // namespace leia
