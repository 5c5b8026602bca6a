// What operations take beside tensors while they run: room to pack operands, sums of parts, tables. It is not
// allocated by the training loop, but it is there, and for attention it is large. The sizes are those that native/ops
// asks for; a test compares the plan with what a device gave, so that they stay so.
import { addon } from '../core/addon.ts';
import { bytesPerElement, type DType } from '../core/tensor.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { llamaParameters, padVocabulary } from '../llama/parameters.ts';

/** Requests of one operation, in bytes: they lie beside each other until it is done. */
type Requests = readonly number[];

interface Shape {
  readonly batch: number;
  readonly sequence: number;
  readonly dtype: DType;
}

const MiB = 2 ** 20;
const float = 4;
const roundUp = (value: number, step: number) => Math.ceil(value / step) * step;
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

/**
 * Bytes of scratch memory that a device holds after a training step. Every device keeps what it has once taken for the
 * next operation.
 */
export function scratchBytes(config: LlamaConfig, shape: Shape, kind: 'cpu' | 'gpu'): number {
  return kind === 'cpu' ? cpuScratch(config, shape) : gpuScratch(config, shape);
}

/** The outer and the summed dimension of `b` in every product of a step, as it is first asked for. */
function products(config: LlamaConfig, { batch, sequence }: Shape) {
  const rows = batch * sequence;
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim } = config;
  const layer = [
    { inputs: hiddenSize, outputs: numAttentionHeads * headDim },
    { inputs: hiddenSize, outputs: numKeyValueHeads * headDim },
    { inputs: numAttentionHeads * headDim, outputs: hiddenSize },
    { inputs: hiddenSize, outputs: intermediateSize },
    { inputs: intermediateSize, outputs: hiddenSize },
  ];
  const head = { inputs: hiddenSize, outputs: padVocabulary(config.vocabSize) };
  const forward = ({ inputs, outputs }: typeof head) => ({ n: outputs, k: inputs });
  const backward = ({ inputs, outputs }: typeof head) => [
    { n: inputs, k: rows },
    { n: inputs, k: outputs },
  ];
  const reversed = layer.toReversed().flatMap(backward);
  return { forward: layer.map(forward), loss: [forward(head), ...backward(head)], reversed };
}

/** cpu_context.cpp: one block, and for one operation another where it does not suffice; both become one. */
function cpuScratch(config: LlamaConfig, shape: Shape): number {
  const { bfloat16Dot, threads } = addon().cpuDescription();
  const { batch, sequence, dtype } = shape;
  const { numAttentionHeads: heads, numKeyValueHeads: keyHeads, headDim, hiddenSize } = config;
  const inPairs = dtype === 'bfloat16' && bfloat16Dot;
  // matmul_cpu_kernels.h: strips of 1,024 columns, packed in blocks of 256.
  const matmul = ({ n, k }: { n: number; k: number }): Requests => [
    Math.ceil(k / 256) * (inPairs ? 128 : 256) * Math.min(1024, roundUp(n, 16)) * float,
  ];
  // flash_attention_cpu_kernels.h: heads as they are packed for one row of the batch.
  const panel = (count: number) => roundUp(sequence, 8) * roundUp(headDim, 8) * count * float;
  const attention = [panel(keyHeads), panel(keyHeads)];
  const attentionBackward = [
    ...Array.from({ length: 4 }, () => panel(heads)),
    ...Array.from({ length: 3 }, () => panel(keyHeads)),
    heads * sequence * float,
  ];
  const rows = batch * sequence;
  const norm = [Math.ceil(rows / 16) * hiddenSize * float];
  const { forward, loss, reversed } = products(config, shape);
  const operations: Requests[] = [
    ...forward.slice(0, 2).map(matmul),
    attention,
    ...[...forward.slice(2), ...loss].map(matmul),
    norm,
    ...reversed.slice(0, 6).map(matmul),
    attentionBackward,
    ...reversed.slice(6).map(matmul),
    [8 * (3 * config.vocabSize + 1 + rows)], // the embedding's backward
  ];
  let [blocks, used, next, most] = [[] as number[], 0, 0, 0];
  for (const requests of operations) {
    for (const bytes of requests.map((request) => roundUp(request, 64))) {
      if (used + bytes > (blocks.at(-1) ?? 0)) {
        blocks.push(Math.max(bytes, MiB, next));
        used = 0;
      }
      used += bytes;
    }
    most = Math.max(most, sum(blocks));
    used = 0;
    if (blocks.length < 2) continue;
    next = sum(blocks);
    blocks = [];
  }
  // Each thread has room of its own in three places, where tiles and rows are packed.
  return most + 3 * MiB * threads;
}

/** execution.cpp: blocks that stay, each at least twice as large as the one before. */
function gpuScratch(config: LlamaConfig, { batch, sequence, dtype }: Shape): number {
  const { numAttentionHeads: heads, numKeyValueHeads: keyHeads, headDim, hiddenSize } = config;
  const rows = batch * sequence;
  // rms_norm_cuda.cu: sums of at most 512 blocks.
  const norm = [Math.ceil(rows / Math.ceil(rows / 512)) * hiddenSize * float];
  // flash_attention_backward_cuda.cu: sums of dQ and of rows, turns; copies where a head's size has no kernel.
  const dims = [32, 64, 96, 128, 256].find((size) => size >= headDim) ?? 256;
  const padded = roundUp(sequence, 128);
  const tiles = padded / tileOfQueries(dims, dtype);
  const copy = (count: number) =>
    dims === headDim ? 0 : rows * count * dims * bytesPerElement(dtype);
  const attention = [
    batch * padded * heads * float,
    batch * padded * heads * float,
    float,
    batch * heads * tiles * float,
    batch * tiles * 8,
    ...[heads, keyHeads, keyHeads, heads, heads, keyHeads, keyHeads, heads].map(copy),
    sequence > tileOfKeys(dims, dtype) ? batch * padded * heads * dims * float : 0,
  ];
  const attentionForward = [heads, heads, keyHeads, keyHeads].map(copy);
  // gradient_norm_cuda.cu: sums of chunks of 4,096 numbers; a table of all tensors.
  const sizes = llamaParameters(config).map(({ shape }) => shape.reduce((a, b) => a * b, 1));
  const chunks = [sum(sizes.map((size) => Math.ceil(size / 4096))) * float, 24 * sizes.length];
  const optimizer = [68 * sizes.length];
  const blocks: number[] = [];
  for (const requests of [attentionForward, norm, attention, chunks, optimizer]) {
    let [index, used] = [0, 0];
    for (const bytes of requests.filter((request) => request > 0)) {
      const size = roundUp(bytes, 256);
      while (index < blocks.length && blocks[index]! - used < size) {
        index++;
        used = 0;
      }
      if (index === blocks.length) blocks.push(Math.max(size, 2 * (blocks.at(-1) ?? 0), MiB));
      used += size;
    }
  }
  return sum(blocks.map(deviceBytes));
}

/** flash_attention_tiles.h. */
function tileOfQueries(dims: number, dtype: DType): number {
  if (dtype === 'bfloat16') return dims <= 64 ? 128 : dims <= 128 ? 64 : 32;
  return dims <= 128 ? 32 : 16;
}

function tileOfKeys(dims: number, dtype: DType): number {
  if (dtype === 'bfloat16') return dims <= 128 ? 128 : 64;
  return dims <= 128 ? 32 : 16;
}

/** What a device gives for a request (caching_allocator.cpp): whole pages of 2 MiB, small ones in steps of 512 bytes. */
export function deviceBytes(request: number): number {
  return request < MiB ? roundUp(Math.max(request, 1), 512) : roundUp(request, 2 * MiB);
}

/** cuBLASLt's workspace (matmul_plans.cpp). */
export const workspaceBytes = 32 * MiB;
