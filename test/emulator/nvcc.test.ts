// The kernels that the emulator runs are also CUDA: where nvcc is, it compiles every one of them for the GPUs of the
// package, without a warning, and finds a place in registers for all that the tuned ones keep.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { isFull } from '../support/extent.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const has = (tool: string) => spawnSync(tool, ['--version']).status === 0;

test('no kernel that is tuned spills, or keeps anything in local memory', async () => {
  const page = await readFile(join(root, 'bench/RESOURCES.md'), 'utf8');
  const rows = page.split('\n').filter((line) => /^\| \w+ \| `/.test(line));
  expect(rows.length).toBeGreaterThan(100);
  const spilling = rows.filter((row) => {
    const [threads, , ...numbers] = row.split('|').slice(3, -1).map(Number);
    const [registers80, stack80, spills80, blocks80, registers90, stack90, spills90, blocks90] =
      numbers;
    // A dash is not a number: a kernel that no test has launched on the emulator.
    expect(
      [threads, registers80, registers90].every((count) => count! > 0),
      row,
    ).toBe(true);
    expect(
      [registers80, registers90].every((count) => count! <= 255),
      row,
    ).toBe(true);
    expect(
      [blocks80, blocks90].every((count) => count! >= 1),
      row,
    ).toBe(true);
    return stack80! + spills80! + stack90! + spills90! > 0;
  });
  expect(spilling).toEqual([]);
});

if (!isFull) {
  // It compiles every kernel twice more, and runs all cases four times.
} else if (has('nvcc')) {
  test('nvcc says what bench/RESOURCES.md says', async () => {
    await run('node', ['scripts/resources.mjs', '--check'], { cwd: root });
  });
} else {
  console.warn('nvcc is not on PATH: whether kernels compile for a GPU is not seen.');
}

/** The instructions of every kernel in the addon, by architecture and mangled name. */
async function machineCode(addon: string): Promise<Map<string, string[]>> {
  const kernels = new Map<string, string[]>();
  let architecture = '';
  let own: string[] = [];
  const listing = spawn('cuobjdump', ['-sass', addon]);
  const ended = once(listing, 'close');
  for await (const line of createInterface({ input: listing.stdout })) {
    architecture = /^\s*arch = (\S+)/.exec(line)?.[1] ?? architecture;
    const name = /^\s*Function : (\S+)/.exec(line)?.[1];
    if (name !== undefined) {
      own = [];
      kernels.set(`${architecture} ${name}`, own);
    }
    const instruction = /^\s+\/\*[0-9a-f]+\*\/\s+(?:@!?U?P\w+ )?([A-Z][A-Z0-9_.x]+)/.exec(
      line,
    )?.[1];
    if (instruction !== undefined) own.push(instruction);
  }
  expect((await ended)[0]).toBe(0);
  return kernels;
}

const addon = join(root, 'build/Release/leia.node');
const hasKernels = () =>
  has('cuobjdump') && spawnSync('cuobjdump', ['-lelf', addon], { encoding: 'utf8' }).stdout !== '';

if (hasKernels()) {
  test('kernels are of the instructions they were written for', async () => {
    const kernels = await machineCode(addon);
    const lacking: string[] = [];
    const counts = new Map<string, number>();
    const expectIn = (kind: string, pattern: RegExp, instructions: RegExp[]) => {
      for (const [name, code] of kernels) {
        if (!pattern.test(name)) continue;
        counts.set(kind, (counts.get(kind) ?? 0) + 1);
        for (const instruction of instructions) {
          if (!code.some((one) => instruction.test(one))) lacking.push(`${name}: ${instruction}`);
        }
      }
    };
    // Products on tensor cores, 16-byte copies to shared memory behind their back.
    expectIn('attention', /flash_attention_(?:forward|decode|backward)INS_8bfloat16E/, [
      /^HMMA\.16816\.F32\.BF16$/,
      /^LDSM\.16/,
      /^LDGSTS\.E\S*\.128/,
    ]);
    expectIn('hopper', /^sm_90a.*hopper_attention_forward/, [
      /^HGMMA\.64x128x16\.F32\.BF16$/,
      /^FENCE\.VIEW\.ASYNC/,
      /^LDGSTS\.E\S*\.128/,
    ]);
    // The exponentials lie between the two waits: the products behind the first run beside them.
    for (const [name, code] of kernels) {
      if (!/^sm_90a.*hopper_attention_forward/.test(name)) continue;
      const wait = 'WARPGROUP.DEPBAR.LE';
      const between = code
        .join(' ')
        .split(wait)
        .slice(1, -1)
        .filter((part) => !part.includes('HGMMA'));
      const exponentials = between.map((part) => part.split('MUFU.EX2').length - 1);
      if (Math.max(0, ...exponentials) < 64) lacking.push(`${name}: exponentials before a wait`);
    }
    // 16 bytes at a time.
    const wide =
      /(?:swiglu_\w+ward|residual_add|rope|rms_norm_\w+ward|embedding_forward)I\S+?Li[48]E/;
    expectIn('wide', wide, [/^LDG\.E\S*\.128/, /^STG\.E\S*\.128/]);
    const gradients = /cross_entropy(?:_backward)?I\S+?Li[48]E/;
    expectIn('cross entropy', gradients, [/^LDG\.E\S*\.128/, /^STG\.E\S*\.128/]);
    expectIn('reading', /(?:cross_entropy_forward|sample_token)I\S+?Li[48]E|adamwI|chunk_sums/, [
      /^LDG\.E\S*\.128/,
    ]);
    expect(lacking).toEqual([]);
    // Five head sizes of three kernels, one of them in two sizes, on two architectures.
    expect(counts.get('attention')).toBe(40);
    expect(counts.get('hopper')).toBe(2);
    for (const kind of ['wide', 'cross entropy', 'reading']) {
      expect(counts.get(kind), kind).toBeGreaterThan(7);
    }
    const spilling = [...kernels].filter(([, code]) =>
      code.some((one) => /^(?:LDL|STL)/.test(one)),
    );
    expect(spilling.map(([name]) => name)).toEqual([]);
  });
} else {
  console.warn('no cuobjdump, or an addon without kernels: their machine code is not looked at.');
}
