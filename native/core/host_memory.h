// The machine's main memory, in all and free, as a device reports its own.
#pragma once

#include <unistd.h>

#include <cstdint>

namespace leia {

inline int64_t host_memory_bytes() {
  return int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
}

inline int64_t free_host_memory_bytes() {
  return int64_t{sysconf(_SC_AVPHYS_PAGES)} * sysconf(_SC_PAGESIZE);
}

}  // namespace leia
