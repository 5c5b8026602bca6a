// `npm run resources [--check]`: compiles every CUDA kernel for the two architectures of the package and writes what each takes, as
// the compiler says it, to bench/RESOURCES.md. With --check it compares instead, and says what differs.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(fileURLToPath(import.meta.url), '../..');
const page = join(root, 'bench/RESOURCES.md');
const architectures = ['sm_80', 'sm_90a'];

function has(tool) {
  return spawnSync(tool, ['--version']).status === 0;
}

function fail(message) {
  console.error(`resources: ${message}`);
  process.exit(1);
}

/** Kernel files; those without a kernel of their own have nothing to report. */
function kernelFiles() {
  const folder = join(root, 'native/ops');
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.cu'))
    .map((name) => join(folder, name))
    .filter((path) => readFileSync(path, 'utf8').includes('__global__'))
    .sort();
}

function compile(file, architecture, output) {
  const flags = ['-cubin', '-std=c++20', `-arch=${architecture}`, '-Xptxas', '-v'];
  const { status, stderr } = spawnSync(
    'nvcc',
    [...flags, '-I', join(root, 'native'), '-o', output, file],
    { encoding: 'utf8' },
  );
  if (status !== 0) fail(`${basename(file)} does not compile for ${architecture}:\n${stderr}`);
  if (/warning/.test(stderr)) fail(`${basename(file)}, ${architecture}:\n${stderr}`);
  return stderr;
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

function measure() {
  const work = mkdtempSync(join(tmpdir(), 'leia-resources-'));
  const rows = new Map();
  try {
    for (const file of kernelFiles()) {
      for (const architecture of architectures) {
        const kernels = parse(compile(file, architecture, join(work, 'kernel.cubin')));
        const names = readable(kernels.map(({ symbol }) => symbol));
        kernels.forEach((kernel, i) => {
          const key = `${basename(file)} ${names[i]}`;
          const row = rows.get(key) ?? { file: basename(file), name: names[i] };
          row[architecture] = kernel;
          rows.set(key, row);
        });
      }
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return [...rows.keys()].sort().map((key) => rows.get(key));
}

function table(rows, version) {
  const cell = (kernel, name) => kernel?.[name] ?? '–';
  const lines = rows.map(({ file, name, ...row }) => {
    const numbers = architectures.flatMap((architecture) => {
      const { [architecture]: kernel } = row;
      return [cell(kernel, 'registers'), cell(kernel, 'stack'), cell(kernel, 'spills')];
    });
    return `| ${file.replace('_cuda.cu', '')} | \`${name}\` | ${numbers.join(' | ')} |`;
  });
  return `# What each kernel takes

Registers a thread, and bytes of stack and of spills, as ptxas ${version} reports them; \`npm run resources\` writes this page. Shared
memory is asked for at the launch: attention's is in
[flash_attention_tiles.h](../native/ops/flash_attention/flash_attention_tiles.h), that of the others a few hundred bytes.

| file | kernel | 8.0: registers | stack | spills | 9.0: registers | stack | spills |
| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
${lines.join('\n')}
`;
}

if (!has('nvcc')) fail('nvcc is not on PATH; install the CUDA toolkit');
const version = /release (\S+),/.exec(
  execFileSync('nvcc', ['--version'], { encoding: 'utf8' }),
)?.[1];
const text = table(measure(), version);
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
