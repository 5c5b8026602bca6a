#include "core/device.h"

#include "cpu/cpu_device.h"

namespace leia {

std::shared_ptr<Device> Device::open(const std::string& name) {
  if (name == "cpu") return open_host_device(DeviceKind::cpu);
  if (name == "emulated" && has_emulator) return open_host_device(DeviceKind::emulated);
  if (name == "cuda" || name.starts_with("cuda:") || name == "emulated") {
    fail("unavailable",
         text("device '", name,
              "' is not part of this build, which has the CPU kernels only; use 'cpu'"));
  }
  fail("usage", text("unknown device '", name, "', expected 'cpu'"));
}

std::shared_ptr<Storage> Device::allocate(size_t bytes) {
  void* data = allocate_bytes(bytes);
  if (data == nullptr) {
    fail("execution", text("out of memory on ", this->name(), ": asked for ", bytes, " bytes, ",
                           live_bytes(), " bytes are live"));
  }
  live_bytes_ += static_cast<int64_t>(bytes);
  return std::make_shared<Storage>(shared_from_this(), data, bytes);
}

void Device::release(void* data, size_t bytes) noexcept {
  free_bytes(data);
  live_bytes_ -= static_cast<int64_t>(bytes);
}

}  // namespace leia
