#include "binding/pressure.h"

#include <algorithm>
#include <future>
#include <unordered_map>

namespace leia::binding {

namespace {

struct Account {
  std::unordered_map<const Storage*, int> handles;
  int64_t held_bytes = 0;    // of the storages with a handle
  int64_t least_bytes = 0;   // the least of these since the last collection
  int64_t copied_bytes = 0;  // for writes, since the queue was last known to be empty
  // What no waiting frees, as something else has it: a captured graph.
  int64_t kept_bytes = 0;
};

Account& account_of(const Device& device) {
  thread_local std::unordered_map<const Device*, Account> accounts;
  return accounts[&device];
}

}  // namespace

void hold(const Tensor& tensor) {
  Account& account = account_of(*tensor.storage->device());
  if (account.handles[tensor.storage.get()]++ == 0) {
    account.held_bytes += static_cast<int64_t>(tensor.storage->bytes());
  }
}

void let_go(const Tensor& tensor) {
  Account& account = account_of(*tensor.storage->device());
  const auto found = account.handles.find(tensor.storage.get());
  if (--found->second > 0) return;
  account.handles.erase(found);
  account.held_bytes -= static_cast<int64_t>(tensor.storage->bytes());
  account.least_bytes = std::min(account.least_bytes, account.held_bytes);
}

bool has_grown(const Device& device) {
  const Account& account = account_of(device);
  return account.held_bytes - account.least_bytes > kMostGrowth;
}

void note_collected(const Device& device) {
  Account& account = account_of(device);
  account.least_bytes = account.held_bytes;
}

void wait_if_ahead(Device& device, int64_t copied) {
  Account& account = account_of(device);
  account.copied_bytes += copied;
  const int64_t others = device.live_bytes() - account.held_bytes;
  account.kept_bytes = std::min(account.kept_bytes, others);
  if (others - account.kept_bytes + account.copied_bytes <= kMostQueuedBytes) return;
  if (device.is_capturing()) return;
  wait_until_done(device);
  account.copied_bytes = copied;
  account.kept_bytes = device.live_bytes() - account.held_bytes;
}

void wait_until_done(Device& device) {
  // A read of nothing comes to its end when all before it has.
  Tensor nothing;
  nothing.storage = device.allocate(0);
  nothing.shape = {0};
  std::promise<void> done;
  device.read(nothing, nullptr, [&done](const FailurePtr&) { done.set_value(); });
  done.get_future().wait();
}

}  // namespace leia::binding
