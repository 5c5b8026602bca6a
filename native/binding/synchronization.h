// The end of queued work as a JavaScript promise.
#pragma once

#include <napi.h>

#include "core/device.h"

namespace leia::binding {

// Returns a promise of `result`. `queue` is given a function to call when queued work is done, with
// nullptr or with the failure that the promise is to be rejected with. The result is kept alive
// until then.
Napi::Promise promise_of(Napi::Env env, Napi::Value result,
                         const std::function<void(Device::Done)>& queue);

}  // namespace leia::binding
