#include "cuda/requirements.h"

#include <cstdlib>
#include <string_view>

#include "core/error.h"

namespace leia {

namespace {

// The oldest series of drivers that runs every 13.x, 12.x or 11.x (CUDA Toolkit release notes,
// "CUDA Toolkit and Minimum Required Driver Version for CUDA Minor Version Compatibility").
int oldest_driver(int major) {
  if (major >= 13) return 580;
  return major == 12 ? 525 : 450;
}

// The kernels for 8.0 are the oldest.
constexpr int kOldestMajor = 8;

}  // namespace

std::string cuda_version_text(int version) {
  return text(version / 1000, ".", version % 1000 / 10);
}

void require_driver(int driver, int toolkit) {
  const std::string built = cuda_version_text(toolkit);
  const int major = toolkit / 1000;
  if (driver == 0) {
    fail("unavailable",
         text("device 'cuda': no NVIDIA driver was found (libcuda.so.1); it needs a GPU and a "
              "driver of series ",
              oldest_driver(major), " or newer; use 'cpu'"));
  }
  // Within one major version any driver runs what was built with any toolkit.
  if (driver / 1000 >= major) return;
  const std::string own = cuda_version_text(driver);
  fail("unavailable", text("device 'cuda': the driver is for CUDA ", own, ", this build for ",
                           built, "; install a driver of series ", oldest_driver(major),
                           " or newer, or on a data-centre GPU NVIDIA's package cuda-compat-",
                           major, "-", toolkit % 1000 / 10,
                           " beside the driver that is there; or build leia with the toolkit "
                           "of CUDA ",
                           own, " (CUDA_HOME names it)"));
}

void require_capability(const std::string& device, int major, int minor) {
  if (major < kOldestMajor) {
    fail("unavailable", text("device '", device, "' has compute capability ", major, ".", minor,
                             ", but the kernels need ", kOldestMajor,
                             ".0 or newer (A100, RTX 30 and what came after them); use 'cpu'"));
  }
  const char* forced = std::getenv("CUDA_FORCE_PTX_JIT");
  if (major == 9 && is_set("LEIA_HOPPER") && forced != nullptr && std::string_view(forced) != "0") {
    fail("unavailable",
         text("device '", device,
              "': CUDA_FORCE_PTX_JIT makes the driver compile every kernel, but "
              "those that LEIA_HOPPER=1 asks for are in this build as machine code alone; unset "
              "one of the two"));
  }
}

}  // namespace leia
