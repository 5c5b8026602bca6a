// Rotary position embedding: inverse frequencies and the cos/sin tables built from them. Angles are taken
// in float64 and rounded once, so that large positions lose nothing (a float32 angle at position 100,000
// is off by about 0.004 radians).
//
// Sources: Su et al. 2021, "RoFormer", section 3.2.2 (frequencies theta^(-2i/d)); linear position
// interpolation: Chen et al. 2023; llama3 scaling: transformers' `modeling_rope_utils`.
import { TensorLayout } from '../core/layout.ts';
import type { LlamaConfig, RopeParameters } from './config.ts';

/** The `headDim / 2` inverse frequencies (radians per position), float64. */
export function inverseFrequencies(rope: RopeParameters, headDim: number): Float64Array {
  return Float64Array.from({ length: headDim / 2 }, (_, i) =>
    scaleFrequency(rope, rope.theta ** ((-2 * i) / headDim)),
  );
}

function scaleFrequency(rope: RopeParameters, frequency: number): number {
  if (rope.type === 'default') return frequency;
  if (rope.type === 'linear') return frequency / rope.factor;
  // Wavelengths much shorter than the original context stay, much longer ones are stretched by the factor,
  // and those between are interpolated by the number of turns they make in the original context.
  const turns = (rope.originalMaxPositionEmbeddings * frequency) / (2 * Math.PI);
  if (turns < rope.lowFreqFactor) return frequency / rope.factor;
  if (turns > rope.highFreqFactor) return frequency;
  const kept = (turns - rope.lowFreqFactor) / (rope.highFreqFactor - rope.lowFreqFactor);
  return ((1 - kept) * frequency) / rope.factor + kept * frequency;
}

/** Tables `[positions, headDim / 2]`, row-major float32: entry (p, i) is cos or sin of p * frequency i. */
export interface RopeTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** The tables' memory on a device: [positions, headDim / 2] each, float32. */
export function ropeLayout({ headDim }: LlamaConfig, positions: number) {
  const table = () => new TensorLayout([positions, headDim / 2], 'float32');
  return { cos: table(), sin: table() };
}

/** Tables for positions 0 to `positions - 1`. */
export function ropeTables(rope: RopeParameters, headDim: number, positions: number): RopeTables {
  const frequencies = inverseFrequencies(rope, headDim);
  const half = frequencies.length;
  const cos = new Float32Array(positions * half);
  const sin = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      const angle = position * (frequencies[i] ?? 0);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
}
