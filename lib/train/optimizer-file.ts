// An optimiser's state to and from a safetensors file, for programs that train models of their own. The names are those of
// the states that `leia train` resumes from, which have parameters and the place in the data too.
import type { Tensor } from '../core/tensor.ts';
import { SafetensorsFile, writeSafetensors } from '../llama/safetensors.ts';
import { LeiaError } from '../system/error.ts';
import type { AdamW } from './adamw.ts';
import {
  namedState,
  type StateTensors,
  storedDtype,
  valuesInPlace,
  writeBytes,
} from './state-values.ts';

function tensorsOf(optimizer: AdamW): StateTensors {
  const named = optimizer.parameters.flatMap(({ name }) => namedState(name, optimizer.state(name)));
  return new Map(named.map(([name, tensor]) => [name, { tensor, shape: tensor.shape, first: 0 }]));
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
  const metadata = { format: 'pt', step: String(optimizer.stepCount) };
  await writeSafetensors(path, valuesInPlace(tensorsOf(optimizer)), metadata);
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
  const wanted = tensorsOf(optimizer);
  for (const [name, { tensor, shape }] of wanted) {
    const entry = file.tensors.get(name);
    const dtype = storedDtype(name, tensor);
    if (entry?.dtype === dtype && `${entry.shape}` === `${shape}`) continue;
    const found = entry ? `${entry.dtype} [${entry.shape.join(', ')}]` : 'missing';
    throw new LeiaError(
      'mismatch',
      `${path}: tensor "${name}" is ${found}, expected ${dtype} [${shape.join(', ')}]`,
    );
  }
  const unknown = [...file.tensors.keys()].find((name) => !wanted.has(name));
  if (unknown !== undefined) {
    throw new LeiaError(
      'mismatch',
      `${path}: tensor "${unknown}" is of no parameter of this AdamW`,
    );
  }
  // All is read before the first is written.
  const values: [Tensor, Uint8Array<ArrayBuffer>][] = [];
  for (const [name, { tensor }] of wanted) values.push([tensor, await file.read(name)]);
  for (const [tensor, bytes] of values) writeBytes(tensor, bytes);
  optimizer.stepCount = Number(step);
}
