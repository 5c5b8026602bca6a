#include "collectives/communicator.h"

#include "core/rank_work.h"

namespace leia {

namespace {

class CollectiveWork final : public RankWork {
 public:
  CollectiveWork(std::shared_ptr<Communicator> communicator, Collective collective, int64_t number)
      : communicator_(std::move(communicator)),
        collective_(std::move(collective)),
        number_(number) {}

  void run(ExecutionContext& context) const override {
    communicator_->run(collective_, number_, context);
  }
  std::string describe() const override {
    const std::string what = signature_of(collective_, 0).to_string();
    return collective_.place.empty() ? what : text(what, " (", collective_.place, ")");
  }
  std::vector<Operand> operands() const override {
    if (collective_.kind == CollectiveKind::barrier) return {};
    return {Operand(collective_.input, Access::read), Operand(collective_.output, Access::write)};
  }
  Check check_later() const override {
    return [communicator = communicator_, number = number_,
            what = describe()](std::optional<double> seconds) {
      try {
        communicator->check_later(number, seconds);
      } catch (const Error& error) {
        throw Error(error.code(), text(what, ": ", error.what()));
      }
    };
  }

 private:
  const std::shared_ptr<Communicator> communicator_;
  const Collective collective_;
  const int64_t number_;
};

}  // namespace

void Communicator::enqueue(const std::shared_ptr<Device>& device, Collective collective) {
  validate(collective, rank_, ranks_);
  if (device->kind() != kind_) {
    fail("argument", text("a collective on ", device->name(), " cannot go over ", description(),
                          ", which connects ", kind_ == DeviceKind::cpu ? "CPUs" : "GPUs"));
  }
  if (kind_ == DeviceKind::cuda && device->is_capturing()) {
    fail("usage", "a collective cannot be part of a graph that is captured");
  }
  // One that is skipped keeps its number, so that the next is not taken for it by other ranks.
  const int64_t number = recorder_.queue(signature_of(collective, 0), collective.place);
  device->enqueue(
      std::make_shared<const CollectiveWork>(shared_from_this(), std::move(collective), number));
}

void Communicator::run(const Collective& collective, int64_t number, ExecutionContext& context) {
  refuse_aborted();
  recorder_.begin(number);
  try {
    execute(collective, signature_of(collective, number), context);
  } catch (...) {
    recorder_.end(number, CollectiveState::failed);
    throw;
  }
  if (is_done_when_executed()) recorder_.end(number, CollectiveState::done);
}

void Communicator::check_later(int64_t number, std::optional<double> seconds) {
  try {
    look_for_errors();
  } catch (...) {
    if (seconds) recorder_.end(number, CollectiveState::failed, seconds);
    throw;
  }
  if (seconds) recorder_.end(number, CollectiveState::done, seconds);
}

void Communicator::abort(const char* code, const std::string& reason) {
  {
    std::lock_guard lock(mutex_);
    if (aborted_) return;
    code_ = code;
    reason_ = reason;
    aborted_ = true;
  }
  on_abort();
}

void Communicator::refuse_aborted() {
  if (!aborted_) return;
  std::lock_guard lock(mutex_);
  fail(code_, reason_);
}

}  // namespace leia
