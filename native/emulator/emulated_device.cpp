// Where this is linked in, the device `emulated` can be opened.
#include "core/device.h"

namespace leia {

[[maybe_unused]] static const bool linked = has_emulator = true;

}  // namespace leia
