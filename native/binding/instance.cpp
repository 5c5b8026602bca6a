#include "binding/instance.h"

#include <future>

namespace leia::binding {

std::shared_ptr<Device> Instance::device(const std::string& name) {
  // "cuda:0" and "cuda" are one device, with one stream.
  std::shared_ptr<Device>& device = devices[Device::canonical_name(name)];
  if (device == nullptr) device = Device::open(name);
  return device;
}

std::vector<FailurePtr> Instance::stop() {
  std::vector<FailurePtr> untold;
  for (const auto& [name, device] : devices) {
    if (device == nullptr) continue;
    device->abandon();
    const auto drained = std::make_shared<std::promise<void>>();
    device->synchronize([drained](const FailurePtr&) { drained->set_value(); });
    drained->get_future().wait();
    const FailurePtr failure = device->first_untold_failure();
    if (failure != nullptr) untold.push_back(failure);
  }
  return untold;
}

}  // namespace leia::binding
