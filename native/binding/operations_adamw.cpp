#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/adamw/adamw.h"

namespace leia::binding {

void register_adamw(Napi::Object exports) {
  add_operation(exports, "adamw", [](Arguments& a) {
    return AdamW{.parameter = a.tensor(),
                 .remainder = a.optional_tensor(),
                 .gradient = a.tensor(),
                 .first_moment = a.tensor(),
                 .second_moment = a.tensor(),
                 .gradient_scale = a.optional_tensor(),
                 .learning_rate = a.number(),
                 .beta1 = a.number(),
                 .beta2 = a.number(),
                 .epsilon = a.number(),
                 .weight_decay = a.number(),
                 .step = a.integer()};
  });
}

}  // namespace leia::binding
