// Files as memory: the pages of a file are loaded when they are used, and dropped when memory is
// needed elsewhere. What JavaScript writes into them stays in the process and never gets into the
// file.
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "binding/arguments.h"
#include "binding/instance.h"
#include "core/error.h"

namespace leia::binding {

namespace {

// mapFile(descriptor: number, size: number): ArrayBuffer of the file's first `size` bytes. The
// descriptor may be closed afterwards; the mapping ends when the buffer is collected.
Napi::Value map_file(Arguments& arguments) {
  const int64_t descriptor = arguments.integer("descriptor");
  const int64_t size = arguments.integer("size");
  require(descriptor >= 0 && descriptor <= 0x7fffffff, "mapFile: expected a file's descriptor");
  require(size > 0, "mapFile: expected a positive size, got ", size);
  const auto length = static_cast<size_t>(size);
  void* data = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                    static_cast<int>(descriptor), 0);
  if (data == MAP_FAILED) {
    const int error = errno;
    fail("io", text("cannot map ", size, " bytes of a file: ", std::strerror(error)));
  }
  const auto unmap = [length](Napi::Env, void* mapped) { munmap(mapped, length); };
  return Napi::ArrayBuffer::New(arguments.env(), data, length, unmap);
}

}  // namespace

void register_file_map(Napi::Env, Napi::Object exports) {
  add_function(exports, "mapFile", map_file);
}

}  // namespace leia::binding
