// An optimiser's state to and from a safetensors file, for programs that train models of their own. The names are those of
// the states that `leia train` resumes from, which have parameters and the place in the data too.
import type { Tensor } from '../core/tensor.ts';
import { SafetensorsFile, type SafetensorsSource, writeSafetensors } from '../llama/safetensors.ts';
import { LeiaError } from '../system/error.ts';
import type { AdamW } from './adamw.ts';

/** A tensor of the state by its name in the file; the low bits of masters are patterns, not numbers. */
interface Stored {
  readonly name: string;
  readonly tensor: Tensor;
  readonly dtype: 'F32' | 'BF16' | 'U16';
}

function storedOf(optimizer: AdamW): Stored[] {
  return optimizer.parameters.flatMap(({ name }): Stored[] => {
    const { firstMoment, secondMoment, masterLowBits } = optimizer.state(name);
    const dtype = firstMoment.dtype === 'float32' ? 'F32' : 'BF16';
    return [
      { name: `firstMoment.${name}`, tensor: firstMoment, dtype },
      { name: `secondMoment.${name}`, tensor: secondMoment, dtype },
      ...(masterLowBits
        ? [{ name: `remainder.${name}`, tensor: masterLowBits, dtype: 'U16' } as const]
        : []),
    ];
  });
}

/** A file has the state of whole parameters: a slice's would look like it. */
function checkWhole({ parameters }: AdamW): void {
  const slice = parameters.find(({ first }) => first !== undefined);
  if (slice === undefined) return;
  throw new LeiaError(
    'unsupported',
    `AdamW: "${slice.name}" is a slice of a parameter that several ranks share, expected whole ones`,
  );
}

/** See {@link AdamW.save}. */
export async function saveOptimizer(path: string, optimizer: AdamW): Promise<void> {
  checkWhole(optimizer);
  const sources = storedOf(optimizer).map(
    ({ name, tensor, dtype }): SafetensorsSource => ({
      ...{ name, dtype, shape: tensor.shape },
      read: async () => {
        const { buffer, byteOffset, byteLength } = await tensor.readBits();
        return new Uint8Array(buffer, byteOffset, byteLength);
      },
    }),
  );
  await writeSafetensors(path, sources, { format: 'pt', step: String(optimizer.stepCount) });
}

/** See {@link AdamW.load}. */
export async function loadOptimizer(path: string, optimizer: AdamW): Promise<void> {
  checkWhole(optimizer);
  await using file = await SafetensorsFile.open(path);
  const { step = '' } = file.metadata;
  if (!/^\d{1,15}$/.test(step)) {
    throw new LeiaError(
      'mismatch',
      `${path}: its metadata has no number of steps ("step"), expected a file that AdamW.save has written`,
    );
  }
  const wanted = storedOf(optimizer);
  for (const { name, tensor, dtype } of wanted) {
    const entry = file.tensors.get(name);
    if (entry?.dtype === dtype && `${entry.shape}` === `${tensor.shape}`) continue;
    const found = entry ? `${entry.dtype} [${entry.shape.join(', ')}]` : 'missing';
    throw new LeiaError(
      'mismatch',
      `${path}: tensor "${name}" is ${found}, expected ${dtype} [${tensor.shape.join(', ')}]`,
    );
  }
  const known = new Set(wanted.map(({ name }) => name));
  const unknown = [...file.tensors.keys()].find((name) => !known.has(name));
  if (unknown !== undefined) {
    throw new LeiaError(
      'mismatch',
      `${path}: tensor "${unknown}" is of no parameter of this AdamW`,
    );
  }
  // All is read before the first is written.
  const values: Uint8Array<ArrayBuffer>[] = [];
  for (const { name } of wanted) values.push(await file.read(name));
  for (const [index, { tensor }] of wanted.entries()) {
    const { buffer } = values[index] as Uint8Array<ArrayBuffer>;
    tensor.write(tensor.dtype === 'float32' ? new Float32Array(buffer) : new Uint16Array(buffer));
  }
  optimizer.stepCount = Number(step);
}
