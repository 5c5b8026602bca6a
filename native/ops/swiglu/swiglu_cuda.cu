#include "cuda/context.cuh"
#include "ops/swiglu/swiglu.h"

namespace leia {

namespace {

LEIA_DEVICE float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

template <class T, int Width>
__global__ void swiglu_forward(Global<const T> gate, Global<const T> up, Global<T> output,
                               int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  float g[Width], u[Width], y[Width];
  load_floats(g, gate, i, count);
  load_floats(u, up, i, count);
#pragma unroll
  for (int j = 0; j < Width; ++j) y[j] = g[j] * sigmoid(g[j]) * u[j];
  store_floats(output, i, count, y);
}

template <class T, int Width>
__global__ void swiglu_backward(Global<const T> grad_output, Global<const T> gate,
                                Global<const T> up, Global<T> grad_gate, Global<T> grad_up,
                                int64_t count) {
  const int64_t i = first_element(Width);
  if (i >= count) return;
  float dy[Width], g[Width], u[Width], dg[Width], du[Width];
  load_floats(dy, grad_output, i, count);
  load_floats(g, gate, i, count);
  load_floats(u, up, i, count);
#pragma unroll
  for (int j = 0; j < Width; ++j) {
    const float s = sigmoid(g[j]);
    dg[j] = dy[j] * u[j] * s * (1.0f + g[j] * (1.0f - s));
    du[j] = dy[j] * g[j] * s;
  }
  store_floats(grad_gate, i, count, dg);
  store_floats(grad_up, i, count, du);
}

}  // namespace

void execute_cuda(const SwigluForward& op, CudaContext& context) {
  const int64_t count = op.gate.elements();
  dispatch_float(op.gate.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(aligned(op.gate, op.up, op.output), [&](auto width) {
      launch(op.kName, swiglu_forward<T, width>, over_elements(count, width), context.stream,
             input<T>(op.gate), input<T>(op.up), output<T>(op.output), count);
    });
  });
}

void execute_cuda(const SwigluBackward& op, CudaContext& context) {
  const int64_t count = op.gate.elements();
  const bool wide = aligned(op.grad_output, op.gate, op.up, op.grad_gate, op.grad_up);
  dispatch_float(op.gate.dtype, [&](auto type) {
    using T = decltype(type);
    with_width<T>(wide, [&](auto width) {
      launch(op.kName, swiglu_backward<T, width>, over_elements(count, width), context.stream,
             input<T>(op.grad_output), input<T>(op.gate), input<T>(op.up), output<T>(op.grad_gate),
             output<T>(op.grad_up), count);
    });
  });
}

LEIA_CUDA_EXECUTION(SwigluForward)
LEIA_CUDA_EXECUTION(SwigluBackward)

}  // namespace leia
