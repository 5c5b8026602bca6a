#include "binding/instance.h"

#include <future>

namespace leia::binding {

std::shared_ptr<Device> Instance::device(const std::string& name) {
  std::shared_ptr<Device>& device = devices[name];
  if (device == nullptr) device = Device::open(name);
  return device;
}

void Instance::stop() {
  for (const auto& [name, device] : devices) {
    if (device == nullptr) continue;
    device->abandon();
    const auto drained = std::make_shared<std::promise<void>>();
    device->synchronize([drained](std::exception_ptr) { drained->set_value(); });
    drained->get_future().wait();
  }
}

}  // namespace leia::binding
