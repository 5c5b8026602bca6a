// The end of queued work as a JavaScript promise.
#pragma once

#include <napi.h>

#include "core/device.h"

namespace leia::binding {

// A promise of `result` for when all work queued on the device so far is done; rejected with the
// first error since the last synchronisation. The result is kept alive until then.
Napi::Promise synchronization(Napi::Env env, Device& device, Napi::Value result);

}  // namespace leia::binding
