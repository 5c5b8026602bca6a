// Begins the files that take longest first, so that the last worker does not have one of them alone in the end. Vitest does
// so by the times of the run before, which a clean checkout lacks.
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** From 66 s down to 30 s on two cores. */
const longest = [
  'test/emulator/orders.test.ts',
  'test/ops/operations.test.ts',
  'test/cli/demo.test.ts',
  'test/cli/data-commands.test.ts',
  'test/cli/interruptions.test.ts',
  'test/llama/model.test.ts',
  'test/cli/train-commands.test.ts',
  'test/ops/variants.test.ts',
  'test/cli/locks.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => place(a) - place(b));
  }
}

function place({ moduleId }: TestSpecification): number {
  const found = longest.findIndex((file) => moduleId.endsWith(file));
  return found < 0 ? longest.length : found;
}
