// `npm run resources [--check]`: compiles every CUDA kernel for the two architectures of the package and writes what each takes to
// bench/RESOURCES.md: registers, stack and spills as the compiler says it, threads and shared memory as the operations' tests
// launch it on the emulator. With --check it compares instead, and says what differs.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const page = join(root, 'bench/RESOURCES.md');
const architectures = ['sm_80', 'sm_90a'];
/** Of a multiprocessor (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability"). */
const limits = {
  sm_80: { registers: 65_536, shared: 164 * 1024, threads: 2048, blocks: 32 },
  sm_90a: { registers: 65_536, shared: 228 * 1024, threads: 2048, blocks: 32 },
};

/** Attention alone has other kernels on other GPUs. */
const attention = { LEIA_TEST_OPERATION: 'flash-attention' };
/** How the cases run and what the emulator is told to be, so that every kernel is launched. */
const runs = [
  { mode: 'bits', environment: {} },
  { mode: 'shifted', environment: {} },
  { mode: 'bits', environment: { ...attention, LEIA_EMULATOR_SHARED: String(99 * 1024) } },
  { mode: 'bits', environment: { ...attention, LEIA_HOPPER: '1' } },
];

function has(tool) {
  return spawnSync(tool, ['--version']).status === 0;
}

function fail(message) {
  console.error(`resources: ${message}`);
  process.exit(1);
}

/** Kernel files; those without a kernel of their own have nothing to report. */
function kernelFiles() {
  const folder = join(root, 'native');
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.cu'))
    .map((name) => join(folder, name))
    .filter((path) => readFileSync(path, 'utf8').includes('__global__'))
    .sort();
}

/** What ptxas says of the kernels of a file. */
async function compile(file, architecture) {
  const flags = ['-cubin', '-std=c++20', `-arch=${architecture}`, '-Xptxas', '-v'];
  const output = ['-o', '/dev/null'];
  const { stderr } = await promisify(execFile)(
    'nvcc',
    [...flags, '-I', join(root, 'native'), ...output, file],
    { maxBuffer: 2 ** 28 },
  ).catch(({ stderr }) =>
    fail(`${basename(file)} does not compile for ${architecture}:\n${stderr}`),
  );
  if (/warning/.test(stderr)) fail(`${basename(file)}, ${architecture}:\n${stderr}`);
  return stderr;
}

/** The reports on all files for all architectures, made on all cores. */
async function compileAll() {
  const jobs = kernelFiles().flatMap((file) =>
    architectures.map((architecture) => ({ file, architecture, report: '' })),
  );
  const left = jobs.values();
  const work = async () => {
    for (const job of left) job.report = await compile(job.file, job.architecture);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return jobs;
}

/** One entry a kernel: its name, registers, stack and spills in bytes. */
function parse(report) {
  const kernels = [];
  for (const line of report.split('\n')) {
    const entry = /Compiling entry function '(\w+)'/.exec(line);
    if (entry) kernels.push({ symbol: entry[1] });
    const own = kernels.at(-1);
    if (own === undefined) continue;
    const frame = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(
      line,
    );
    if (frame) own.stack ??= Number(frame[1]);
    if (frame) own.spills ??= Number(frame[2]) + Number(frame[3]);
    const used = /Used (\d+) registers/.exec(line);
    if (used) own.registers = Number(used[1]);
    own.shared ??= Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0);
  }
  return kernels;
}

/** `leia::(anonymous namespace)::cast<float, bfloat16, 4>` as `cast<float, bfloat16, 4>`. */
function readable(symbols) {
  if (symbols.length === 0) return [];
  return execFileSync('c++filt', { input: symbols.join('\n'), encoding: 'utf8' })
    .trimEnd()
    .split('\n')
    .map((name) =>
      name
        .replaceAll(/leia::|\(anonymous namespace\)::|_INTERNAL_\w+::/g, '')
        .replace(/^void /, '')
        .replace(/\((?:[^()]|\([^()]*\))*\)$/, '')
        .replaceAll(/\((?:int|bool|unsigned int)\)/g, ''),
    );
}

/** By kernel: threads a block and bytes of shared memory, of several launches the one that takes most. */
function launches() {
  const folder = mkdtempSync(join(tmpdir(), 'leia-launches-'));
  try {
    const record = join(folder, 'launches');
    const addon = join(root, 'build/emulated/leia.node');
    const cases = ['--import', 'tsx', join(root, 'test/ops/all-cases.ts')];
    const emulated = {
      LEIA_TEST_DEVICE: 'emulated',
      LEIA_ADDON: addon,
      LEIA_EMULATOR_LAUNCHES: record,
      LEIA_TEST_FULL: '1',
    };
    for (const { mode, environment } of runs) {
      const { status, stderr } = spawnSync(process.execPath, [...cases, mode], {
        cwd: root,
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
        env: { ...process.env, ...emulated, ...environment },
      });
      if (status !== 0) fail(`the operations' cases do not run on the emulator:\n${stderr}`);
    }
    const symbols = new Map(
      execFileSync('nm', [addon], { encoding: 'utf8', maxBuffer: 2 ** 28 })
        .split('\n')
        .map((line) => line.split(' '))
        .map(([place, , symbol]) => [Number.parseInt(place, 16), symbol]),
    );
    const rows = readFileSync(record, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' '));
    const names = readable(rows.map(([place]) => symbols.get(Number.parseInt(place, 16))));
    const most = new Map();
    rows.forEach(([, threads, shared], i) => {
      const before = most.get(names[i]);
      if (before && before.shared >= Number(shared)) return;
      most.set(names[i], { threads: Number(threads), shared: Number(shared) });
    });
    return most;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How many blocks fit a multiprocessor. Registers go by 256 a warp, shared memory has 1 KiB a block on top. */
function blocksThatFit(architecture, registers, { threads, shared }) {
  const limit = limits[architecture];
  const warps = Math.ceil(threads / 32);
  const taken = Math.ceil((registers * 32) / 256) * 256;
  return Math.min(
    limit.blocks,
    Math.floor(limit.threads / threads),
    Math.floor(limit.registers / taken / warps),
    Math.floor(limit.shared / (shared + 1024)),
  );
}

async function measure() {
  const rows = new Map();
  for (const { file, architecture, report } of await compileAll()) {
    const kernels = parse(report);
    const names = readable(kernels.map(({ symbol }) => symbol));
    kernels.forEach((kernel, i) => {
      const key = `${basename(file)} ${names[i]}`;
      const row = rows.get(key) ?? { file: basename(file), name: names[i] };
      row[architecture] = kernel;
      rows.set(key, row);
    });
  }
  const launched = launches();
  return [...rows.keys()].sort().map((key) => {
    const row = rows.get(key);
    const launch = launched.get(row.name);
    if (launch === undefined) return row;
    const threads = launch.threads;
    const shared = launch.shared + row[architectures[0]].shared;
    for (const architecture of architectures) {
      const kernel = row[architecture];
      kernel.blocks = blocksThatFit(architecture, kernel.registers, { threads, shared });
    }
    return { ...row, threads, shared };
  });
}

function table(rows, version) {
  const columns = ['registers', 'stack', 'spills', 'blocks'];
  const lines = rows.map(({ file, name, threads = '–', shared = '–', ...row }) => {
    const numbers = architectures.flatMap((architecture) =>
      columns.map((column) => row[architecture]?.[column] ?? '–'),
    );
    const cells = [file.replace(/(_cuda)?\.cu$/, ''), `\`${name}\``, threads, shared, ...numbers];
    return `| ${cells.join(' | ')} |`;
  });
  return `# What each kernel takes

Threads a block and bytes of shared memory as the operations' tests launch it (the most where there are several ways), registers a
thread and bytes of stack and of spills as ptxas ${version} reports them, and how many blocks of it fit a multiprocessor by these.
\`npm run resources\` writes this page. A dash: not launched by those tests.

| file | kernel | threads | shared | 8.0: registers | stack | spills | blocks | 9.0: registers | stack | spills | blocks |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.join('\n')}
`;
}

if (!has('nvcc')) fail('nvcc is not on PATH; install the CUDA toolkit');
const version = /release (\S+),/.exec(
  execFileSync('nvcc', ['--version'], { encoding: 'utf8' }),
)?.[1];
const text = table(await measure(), version);
if (process.argv.includes('--check')) {
  const kept = readFileSync(page, 'utf8');
  const made = /as ptxas (\S+) reports/.exec(kept)?.[1];
  if (made !== version) {
    console.log(
      `everything compiles; not compared, as the page is of nvcc ${made} and this is ${version}`,
    );
  } else if (kept !== text) {
    const lines = new Set(kept.split('\n'));
    const changed = text.split('\n').filter((line) => !lines.has(line));
    fail(`bench/RESOURCES.md is out of date; run npm run resources:\n${changed.join('\n')}`);
  }
} else {
  writeFileSync(page, text);
  console.log(`wrote ${page}`);
}
