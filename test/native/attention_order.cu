// The order in which attention's backward does its work, as numbers for a test.
#include "emulator_kernels.h"
#include "ops/flash_attention/flash_attention_order.cuh"

namespace leia::emulator_test {

std::vector<float> ticket_places(const TicketShape& shape) {
  const TicketOrder order = ticket_order(shape.heads, shape.key_blocks, shape.bytes_of_head,
                                         {0, shape.multiprocessors, shape.cache_bytes});
  std::vector<float> numbers;
  for (uint32_t ticket = 0; ticket < shape.heads * shape.key_blocks; ++ticket) {
    const TicketOrder::Place place = order.place_of(ticket);
    numbers.push_back(static_cast<float>(place.head));
    numbers.push_back(static_cast<float>(place.block));
  }
  return numbers;
}

std::vector<float> backward_steps(int32_t kv_head, int32_t group, int32_t first_tile,
                                  int32_t last_tile) {
  std::vector<float> numbers;
  for (BackwardSteps step(kv_head, group, first_tile, last_tile); !step.done();
       step = step.next()) {
    numbers.push_back(static_cast<float>(step.head));
    numbers.push_back(static_cast<float>(step.tile));
  }
  return numbers;
}

}  // namespace leia::emulator_test
