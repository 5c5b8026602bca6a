// The documented face of every operation, one file each: argument objects in, tensors out. A call
// checks its arguments, queues the work on the tensors' device and returns; outputs that are not
// given are allocated. Gradients of activations are overwritten; gradients of parameters are float32
// and added to. All reductions are float32 in a fixed order: the same inputs give the same bits.
export * from './ops/activation.ts';
export * from './ops/adamw.ts';
export * from './ops/add-bias.ts';
export * from './ops/argmax.ts';
export * from './ops/binary.ts';
export * from './ops/cast.ts';
export * from './ops/compare.ts';
export * from './ops/concatenate.ts';
export * from './ops/cross-entropy.ts';
export * from './ops/dropout.ts';
export * from './ops/embedding.ts';
export * from './ops/fill.ts';
export * from './ops/flash-attention.ts';
export * from './ops/gradient-norm.ts';
export * from './ops/layer-norm.ts';
export * from './ops/log-softmax.ts';
export * from './ops/matmul.ts';
export * from './ops/max.ts';
export * from './ops/mean.ts';
export * from './ops/permute.ts';
export * from './ops/random-normal.ts';
export * from './ops/residual-add.ts';
export * from './ops/rms-norm.ts';
export * from './ops/rope.ts';
export * from './ops/sample-token.ts';
export * from './ops/slice.ts';
export * from './ops/softmax.ts';
export * from './ops/sum.ts';
export * from './ops/swiglu.ts';
export * from './ops/top-k.ts';
export * from './ops/where.ts';
export * from './ops/write-rows.ts';
export * from './ops/write-slice.ts';
