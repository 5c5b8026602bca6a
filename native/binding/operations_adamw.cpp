#include "binding/arguments.h"
#include "binding/operations.h"
#include "ops/adamw/adamw.h"

namespace leia::binding {

void register_adamw(Napi::Object exports) {
  add_operation(exports, "adamw", [](Arguments& a) {
    return AdamW{.parameters = a.tensors("parameters"),
                 .master_low_bits = a.optional_tensors("master_low_bits"),
                 .gradients = a.tensors("gradients"),
                 .first_moments = a.tensors("first_moments"),
                 .second_moments = a.tensors("second_moments"),
                 .gradient_scale = a.optional_tensor("gradient_scale"),
                 .learning_rate = a.number("learning_rate"),
                 .beta1 = a.number("beta1"),
                 .beta2 = a.number("beta2"),
                 .epsilon = a.number("epsilon"),
                 .weight_decay = a.number("weight_decay"),
                 .step = a.integer("step")};
  });
}

}  // namespace leia::binding
