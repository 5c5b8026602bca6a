// The package as its user gets it: prebuilt, packed, and installed where there is no compiler.
import { existsSync } from 'node:fs';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { examplePrograms } from '../support/doc-examples.ts';
import { isFull } from '../support/extent.ts';
import { strictest, testExamples } from './examples.ts';
import { pack, run } from './pack.ts';

let folder: string;
let copy: string;
let tarball: string;
let prebuilt: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'leia-package-'));
  copy = join(folder, 'copy');
  tarball = await pack(copy, isFull ? 'released' : 'built');
  prebuilt = join(copy, 'prebuilds/linux-x64/leia.glibc.node');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

/** A PATH with Node, npm and a shell, and nothing that could compile. */
async function pathWithoutCompiler(): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  const node = dirname(process.execPath);
  for (const [name, target] of [
    ['node', process.execPath],
    ['npm', join(node, 'npm')],
    ['npx', join(node, 'npx')],
    ['sh', '/bin/sh'],
  ] as const) {
    await symlink(target, join(bin, name)).catch((error) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
  return bin;
}

describe('the prebuilt addon', () => {
  test('is the only one', async () => {
    expect(await filesIn(join(copy, 'prebuilds'))).toEqual([prebuilt]);
  });

  test('shows nothing but its entry points, and stays loaded', async () => {
    const { stdout: symbols } = await run('nm', ['--dynamic', '--defined-only', prebuilt]);
    const names = symbols
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1));
    expect(names).toEqual(['napi_register_module_v1', 'node_api_module_get_api_version_v1']);
    const { stdout: dynamic } = await run('readelf', ['--dynamic', '--wide', prebuilt]);
    expect(dynamic).toMatch(/FLAGS_1.*NODELETE/);
  });

  test('needs only what every Linux of the last years has', async () => {
    const { stdout: dynamic } = await run('readelf', ['--dynamic', '--wide', prebuilt]);
    const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.+)\]/g)].map(([, name]) => name!);
    const everywhere =
      /^(libstdc\+\+\.so\.6|libm\.so\.6|libgcc_s\.so\.1|libc\.so\.6|libpthread\.so\.0|ld-linux-x86-64\.so\.2)$/;
    expect(needed.filter((name) => !everywhere.test(name))).toEqual([]);
    expect(needed).toContain('libc.so.6');
    expect(dynamic).not.toMatch(/R(UN)?PATH/);

    const { stdout: versions } = await run('readelf', ['--version-info', '--wide', prebuilt]);
    const highest = (family: string): string =>
      [...versions.matchAll(new RegExp(`Name: ${family}_([0-9.]+)`, 'g'))]
        .map(([, version]) => version!)
        .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
        .at(-1)!;
    const isAtMost = (version: string, most: string) =>
      version.localeCompare(most, 'en', { numeric: true }) <= 0;
    // Ubuntu 22.04, Debian 12, RHEL 9 and whatever is newer.
    expect(isAtMost(highest('GLIBC'), '2.34'), highest('GLIBC')).toBe(true);
    expect(isAtMost(highest('GLIBCXX'), '3.4.29'), highest('GLIBCXX')).toBe(true);
  });
});

describe('the package installed without a compiler', () => {
  let project: string;
  let env: NodeJS.ProcessEnv;
  beforeAll(async () => {
    project = await mkdtemp(join(folder, 'project-'));
    await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
    env = { ...process.env, PATH: await pathWithoutCompiler() };
    await run('npm', ['install', tarball, '--no-audit', '--no-fund'], { cwd: project, env });
  });

  test('runs no script when it is installed', async () => {
    const installed = join(project, 'node_modules/leia');
    const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
    for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
      expect(manifest.scripts).not.toHaveProperty(script);
    }
    // With it, npm would compile by itself; from an old lock file even though `gypfile` is false.
    expect(manifest.gypfile).toBe(false);
    expect(await readdir(installed)).not.toContain('binding.gyp');
  });

  test('computes', async () => {
    const script = join(project, 'program.js');
    await writeFile(
      script,
      `import { Tensor, ops } from 'leia';
       const a = Tensor.from([1, 2, 3, 4], [2, 2]);
       const { output } = ops.matmul({ a, b: a, transposeB: true });
       console.log([...(await output.read())].join());
       const loaded = process.report.getReport().sharedObjects;
       console.log(loaded.filter((name) => name.endsWith('.node') && name.includes('/node_modules/leia/')).join());`,
    );
    const { stdout } = await run('node', [script], { cwd: project, env });
    const installed = join(project, 'node_modules/leia');
    expect(stdout.trim().split('\n')).toEqual([
      '5,11,11,25',
      join(installed, 'prebuilds/linux-x64/leia.glibc.node'),
    ]);
    const addons = (await filesIn(installed)).filter((name) => name.endsWith('.node'));
    expect(addons).toHaveLength(1);
  });

  test('its types hold in the strictest project', async () => {
    const options = { ...strictest, noEmit: true };
    // The examples of the public comments, whose results test/public-docs.test.ts asks for.
    const examples = examplePrograms();
    for (const [name, text] of examples) await writeFile(join(project, `examples-${name}`), text);
    const files = ['strict.ts', ...[...examples.keys()].map((name) => `examples-${name}`)];
    const settings = { compilerOptions: options, files };
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(settings));
    await writeFile(
      join(project, 'strict.ts'),
      `import { Device, LlamaModel, ops, Tensor } from 'leia';
       import { residualAdd, Variable } from 'leia/autograd';
       import { type Article, ArticleExtractor, Dataset, openDump } from 'leia/corpus';
       import { evaluateTasks, findTasks, type TaskDefinition } from 'leia/evaluate';
       import { Linear } from 'leia/nn';
       const { siteinfo, pages } = await openDump('wiki.xml.bz2');
       const extractor = new ArticleExtractor(siteinfo, { keep: ['headings'] });
       for await (const page of pages()) {
         const { text, anchors }: Article = extractor.extract(page);
         console.log(text, anchors[0]?.target);
       }
       const tasks: TaskDefinition[] = findTasks(['jcommonsenseqa']);
       console.log(tasks, evaluateTasks, Dataset, Linear);
       const device = Device.open('cpu');
       using a = Tensor.from([1, 2, 3, 4], [2, 2], { device });
       const flags = process.argv[2] === undefined ? {} : { transposeB: true };
       using product = ops.matmul({ a, b: a, ...flags }).output;
       using half: Tensor = product.to('bfloat16');
       const copy: Tensor = await half.to(device);
       const values: Float32Array = await copy.readInto(new Float32Array(4));
       const first: number | undefined = values[0];
       // @ts-expect-error: there may be none
       const certain: number = values[0];
       const x = new Variable(a, { requiresGrad: true });
       console.log(first, certain, residualAdd(x, x), LlamaModel);`,
    );
    const compiler = join(import.meta.dirname, '../../node_modules/.bin/tsc');
    const { stdout } = await run(compiler, ['-p', project]).catch((error) => error);
    expect(stdout).toBe('');
  });

  test('has the command', async () => {
    const { stdout } = await run('npx', ['--no-install', 'leia', '--version'], {
      cwd: project,
      env,
    });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const doctor = await run('npx', ['--no-install', 'leia', 'doctor'], { cwd: project, env });
    expect(doctor.stdout).toMatch(/native core +works: .*prebuilt/);
    expect(doctor.stdout).toMatch(/compiler +none of/);
  });

  test('has the benchmarks', async () => {
    const args = ['--no-install', 'leia', 'bench', 'swiglu', 'host', '--sizes', 'tiny'];
    const bench = run('npx', [...args, '--rounds', '1', '--round-ms', '1', '--json'], {
      cwd: project,
      env,
    });
    // It is asked for what needs another package, and says so when all else is measured.
    const { code, stdout, stderr } = await bench.catch((error) => error);
    expect(code).toBe(1);
    expect(stderr).toContain("leia: host: it needs benchmark.js: 'npm install benchmark'\n");
    const { environment, rows } = JSON.parse(stdout);
    expect(rows).toHaveLength(4);
    expect(environment.leia).toEqual({ version: '0.1.0', commit: 'unknown' });
  });

  test('says what to do on a system with another C library', async () => {
    const doctor = run('npx', ['--no-install', 'leia', 'doctor'], {
      cwd: project,
      env: { ...env, LIBC: 'musl' },
    });
    await expect(doctor).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/libc=musl.*'npx leia build' compiles it/),
    });
  });

  test('says what compiling it needs', async () => {
    const build = run('npx', ['--no-install', 'leia', 'build'], { cwd: project, env });
    await expect(build).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^leia: building needs c\+\+ or .*cmake on PATH/),
    });
  });

  test('has operations, a tape over them and modules, that need no other package', async () => {
    const modules = join(project, 'node_modules');
    const others = (await readdir(modules)).filter(
      (name) => !['leia', 'node-gyp-build', '.bin'].includes(name),
    );
    expect(others).toContain('tokenizers');
    const away = join(project, 'away');
    await mkdir(away);
    for (const name of others) await rename(join(modules, name), join(away, name));
    try {
      const script = join(project, 'operations.js');
      await writeFile(
        script,
        `import { ops, Tensor } from 'leia/ops';
         import { residualAdd, Variable } from 'leia/autograd';
         import { Linear } from 'leia/nn';
         const { output } = ops.fill({ output: Tensor.empty([2]), value: 3 });
         const x = new Variable(output, { requiresGrad: true });
         residualAdd(x, x).backward();
         const { shape } = new Linear(2, 3).forward(x.view([1, 2]));
         console.log([...(await output.read()), ...(await x.gradient.read()), ...shape].join());`,
      );
      const { stdout } = await run('node', [script], { cwd: project, env });
      expect(stdout).toBe('3,3,2,2,1,3\n');
    } finally {
      for (const name of others) await rename(join(away, name), join(modules, name));
    }
  });

  testExamples(() => project);

  test('has what its README links to, but for the sources that it says to read first', async () => {
    const installed = join(project, 'node_modules/leia');
    const text = await readFile(join(installed, 'README.md'), 'utf8');
    const [before, , after] = text.split(/^(## Read these six files first.*?)(?=^## )/ms);
    const links = [...`${before}${after}`.matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)];
    expect(links.length).toBeGreaterThan(20);
    const missing = links.filter(([, path]) => !existsSync(join(installed, path!)));
    expect(missing.map(([, path]) => path)).toEqual([]);
  });

  test('holds the sources to build from and the sample, and no tests', async () => {
    const installed = join(project, 'node_modules/leia');
    const names = await readdir(installed);
    expect(names).toEqual(
      expect.arrayContaining(['dist', 'configs', 'native', 'prebuilds', 'CMakeLists.txt']),
    );
    const demo = await readdir(join(installed, 'examples/demo'));
    expect(demo).toEqual(expect.arrayContaining(['ATTRIBUTION.md', 'titles.tsv', 'tokenizer']));
    expect(names).not.toContain('test');
    expect(await readdir(join(installed, 'bench'))).toEqual(['README.md', 'torch_reference.py']);
    // Of lib only what is data: the tasks of `leia eval`.
    const data = await filesIn(join(installed, 'lib'));
    expect(data.filter((name) => !name.endsWith('.yaml'))).toEqual([]);
    expect(data.map((name) => basename(name))).toContain('jcommonsenseqa.yaml');
  });
});

if (isFull) {
  test('leia build compiles the core of an installed package', async () => {
    const project = await mkdtemp(join(folder, 'build-'));
    await writeFile(join(project, 'package.json'), '{ "private": true, "type": "module" }');
    await run('npm', ['install', tarball, '--no-audit', '--no-fund'], { cwd: project });
    const { stdout } = await run('npx', ['--no-install', 'leia', 'build', '--no-cuda'], {
      cwd: project,
    });
    expect(stdout).toMatch(/\[ *\d+(%|\/\d+)\]/);
    const doctor = await run('npx', ['--no-install', 'leia', 'doctor'], { cwd: project });
    expect(doctor.stdout).toMatch(/native core +works: .*built on this machine/);
  });

  test('cmake-js builds from the same description', async () => {
    // Configuring is enough to see that it does: the compilation is the one of above.
    const out = join(folder, 'cmake-js');
    const args = ['cmake-js', 'configure', '-O', out, '--CDLEIA_OUTPUT', join(out, 'Release')];
    const { stdout, stderr } = await run('npx', ['--no-install', ...args], { cwd: copy });
    expect(stdout + stderr).toContain(`Build files have been written to: ${out}`);
  });
}
