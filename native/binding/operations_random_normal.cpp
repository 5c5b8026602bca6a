#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/random_normal/random_normal.h"

namespace leia::binding {

void register_random_normal(Napi::Object exports) {
  add_operation(exports, "randomNormal", [](Arguments& a) {
    return RandomNormal{.output = a.tensor("output"),
                        .mean = a.number("mean"),
                        .standard_deviation = a.number("standard_deviation"),
                        .seed = a.integer("seed"),
                        .offset = a.integer("offset")};
  });
}

}  // namespace leia::binding
