// How much a device has to do for an optimiser step, by counting: to tell which of several ways that give the same
// result is the fastest, not how long it takes.
import { bytesPerElement } from '../core/tensor.ts';
import type { LlamaConfig } from '../llama/config.ts';
import { countParameters, padVocabulary } from '../llama/parameters.ts';
import type { CompleteSettings } from './settings.ts';
import type { ZeroStage } from './sharding.ts';

/**
 * Floating-point operations that a device does in the time of one byte from or to memory: on an H200, 570 TFLOP/s over a
 * training step of a 7B model and 4,253 GB/s in a copy (bench/results). A CPU's cores do some ten.
 */
const operationsPerByte = { gpu: 134, cpu: 10 };

/**
 * Bytes from or to memory in the time of one byte from or to other ranks: a GPU's memory has 2.0 (A100) to 4.8 TB/s (H200),
 * its NVLink 0.3 to 0.45 TB/s in each direction, by NVIDIA's data sheets. Between machines it is less, and collectives
 * that run beside the passes cost less: this only orders the choices.
 */
const memoryBytesPerRankByte = 8;

type WorkSettings = Pick<
  CompleteSettings,
  'batchSize' | 'microBatchSize' | 'sequenceLength' | 'dtype' | 'recompute' | 'moments'
> & { readonly zero?: ZeroStage };

/**
 * Of an optimiser step on one of so many ranks: floating-point operations, and bytes of memory, and those that ranks exchange,
 * in the operations of their time.
 */
export function countWork(
  config: LlamaConfig,
  settings: WorkSettings,
  kind: 'cpu' | 'gpu',
  ranks = 1,
): number {
  const { batchSize, microBatchSize, sequenceLength, dtype, recompute, moments } = settings;
  const { zero = 0 } = settings;
  const { hiddenSize, intermediateSize, numHiddenLayers: layers, vocabSize } = config;
  const { query, keyValue, down, products } = layerSizes(config);
  const bytes = bytesPerElement(dtype);
  const microBatches = Math.ceil(batchSize / microBatchSize / ranks);
  const tokens = microBatches * microBatchSize * sequenceLength;

  // Two products with the half of the keys that a token sees; five of them in backward.
  const attention = 2 * query * sequenceLength;
  const norms = bytes * (2 * 2 * hiddenSize + 3 * intermediateSize);
  const others = bytes * (2 * query + 2 * keyValue + 3 * hiddenSize + intermediateSize);

  const head = padVocabulary(vocabSize) * hiddenSize;
  const operations = 6 * (layers * products + head) + layers * 3.5 * attention;
  // What is computed again, in all layers but the last.
  const again = {
    none: [0, 0],
    norms: [0, norms],
    'layer-except-attention': [2 * (products - down), norms + others],
    layer: [2 * (products - down) + attention, norms + others],
  }[recompute] as [number, number];
  const perToken = operations + (layers - 1) * again[0];
  const bytesPerToken = 3 * layers * (norms + others) + (layers - 1) * again[1];

  // Each micro-batch reads and writes all gradients once more. What else products read is hidden behind their work.
  const parameters = countParameters(config);
  const perMicroBatch = parameters * 2 * 4;
  const state = moments === 'float32' ? 16 : 8;
  const perStep = (parameters * (4 + 8 + state)) / (zero === 0 ? 1 : ranks);
  const memory = tokens * bytesPerToken + microBatches * perMicroBatch + perStep;
  const exchanged = exchangedBytes(parameters, bytes, { zero, ranks, microBatches });
  return (
    tokens * perToken + operationsPerByte[kind] * (memory + memoryBytesPerRankByte * exchanged)
  );
}

/**
 * What a rank sends in a step, and receives as much: each tensor's slices go to the others, or come from them, or both. From
 * stage 2 on every micro-batch's gradients are summed; at stage 3 each brings the parameters for forward and for backward.
 */
function exchangedBytes(
  parameters: number,
  bytes: number,
  { zero, ranks, microBatches }: { zero: ZeroStage; ranks: number; microBatches: number },
): number {
  const gradients = { 0: 2 * 4, 1: 4, 2: 4 * microBatches, 3: 4 * microBatches }[zero];
  const values = { 0: 0, 1: bytes, 2: bytes, 3: 2 * bytes * microBatches }[zero];
  return (parameters * (gradients + values) * (ranks - 1)) / ranks;
}

/**
 * Floating-point operations of a token's forward and backward pass in rows of `sequenceLength`: two in forward and four in
 * backward for each number of a matrix, and those of the two products of causal attention, of which a token needs half.
 * Operations between the products, and what is computed again, do not count, as in Chowdhery et al. 2022, "PaLM", appendix B.
 */
export function countModelOperations(config: LlamaConfig, sequenceLength: number): number {
  const { hiddenSize, numHiddenLayers: layers, vocabSize } = config;
  const { query, products } = layerSizes(config);
  const attention = 2 * query * sequenceLength;
  return 6 * (layers * products + vocabSize * hiddenSize) + 3 * layers * attention;
}

/** Of a layer: widths of query and key, and how many numbers its matrices have. */
function layerSizes({
  hiddenSize,
  intermediateSize,
  numAttentionHeads,
  numKeyValueHeads,
  headDim,
}: LlamaConfig) {
  const query = numAttentionHeads * headDim;
  const keyValue = numKeyValueHeads * headDim;
  const down = intermediateSize * hiddenSize;
  const products = hiddenSize * (query + 2 * keyValue) + query * hiddenSize + 3 * down;
  return { query, keyValue, down, products };
}
