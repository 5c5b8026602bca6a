// The allocator of device memory for JavaScript, on the emulator's device.
#pragma once

#include <napi.h>

namespace leia::emulator_test {

void register_allocator(Napi::Env env, Napi::Object exports);

}  // namespace leia::emulator_test
