#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/sample_token/sample_token.h"

namespace leia::binding {

void register_sample_token(Napi::Object exports) {
  add_operation(exports, "sampleToken", [](Arguments& a) {
    return SampleToken{.logits = a.tensor("logits"),
                       .tokens = a.tensor("tokens"),
                       .temperature = a.number("temperature"),
                       .top_k = a.integer("top_k"),
                       .top_p = a.number("top_p"),
                       .seed = a.integer("seed"),
                       .position = a.integer("position")};
  });
}

}  // namespace leia::binding
