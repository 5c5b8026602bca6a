#include "cpu/isa.h"

#include <cstdlib>
#include <string>

#include "core/error.h"

namespace leia {

namespace {

Isa best() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return Isa::avx512;
  if (avx2) return Isa::avx2;
#endif
  return Isa::baseline;
}

Isa choose() {
  const Isa available = best();
  const char* wish = std::getenv("LEIA_CPU_ISA");
  if (wish == nullptr || *wish == '\0') return available;
  for (Isa candidate : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (std::string(wish) != name_of(candidate)) continue;
    if (candidate > available) {
      fail("usage", text("LEIA_CPU_ISA=", wish, ", but this CPU has ", name_of(available)));
    }
    return candidate;
  }
  fail("usage", text("LEIA_CPU_ISA=", wish, ", expected baseline, avx2 or avx512"));
}

}  // namespace

const char* name_of(Isa isa) {
  switch (isa) {
    case Isa::baseline:
      return "baseline";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  return "unknown";
}

Isa isa() {
  static const Isa chosen = choose();
  return chosen;
}

bool has_bf16_dot() {
#if defined(__x86_64__)
  static const bool present = [] {
    const char* wish = std::getenv("LEIA_CPU_BF16");
    const bool off = wish != nullptr && std::string(wish) == "0";
    return !off && isa() == Isa::avx512 && __builtin_cpu_supports("avx512bf16");
  }();
  return present;
#else
  return false;
#endif
}

}  // namespace leia
