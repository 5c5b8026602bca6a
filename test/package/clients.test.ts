// Every package manager installs the package without a word of warning and without running anything of it, fresh and
// from its lock file, and as one of several packages in a workspace. What is installed computes. In a full run only, as
// the managers themselves have to be installed first.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack, run } from './pack.ts';

interface Client {
  readonly name: string;
  /** As npm finds it. */
  readonly source: string;
  /** Its program, in the folder of its own: JavaScript, unless its name has no extension. */
  readonly program: string;
  readonly install: readonly string[];
  /** Installs what the lock file says, and fails if it says too little. */
  readonly frozen: readonly string[];
}

const clients: readonly Client[] = [
  ...['10', '11', '12'].map((version) => ({
    name: `npm ${version}`,
    source: `npm@${version}`,
    program: 'bin/npm-cli.js',
    install: ['install', '--no-audit', '--no-fund'],
    frozen: ['ci', '--no-audit', '--no-fund'],
  })),
  {
    name: 'pnpm 10',
    source: 'pnpm@10',
    program: 'bin/pnpm.cjs',
    install: ['install'],
    frozen: ['install', '--frozen-lockfile'],
  },
  {
    name: 'yarn 1',
    source: 'yarn@1',
    program: 'bin/yarn.js',
    install: ['install'],
    frozen: ['install', '--frozen-lockfile'],
  },
  {
    name: 'yarn 4',
    source: '@yarnpkg/cli-dist@4',
    program: 'bin/yarn.js',
    install: ['install', '--no-immutable'],
    frozen: ['install', '--immutable'],
  },
  {
    name: 'bun 1',
    // The program itself, that the package `bun` would get by a script.
    source: '@oven/bun-linux-x64-baseline@1',
    program: 'bin/bun',
    install: ['install'],
    frozen: ['install', '--frozen-lockfile'],
  },
];

const program = `import { ops, Tensor } from 'leia';
const a = Tensor.from([1, 2, 3, 4], [2, 2]);
console.log([...(await ops.matmul({ a, b: a, transposeB: true }).output.read())].join());
`;

describe('installed by', () => {
  let folder: string;
  let tarball: string;
  let registry: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'leia-clients-'));
    tarball = await pack(join(folder, 'copy'), 'built');
    registry = (await run('npm', ['config', 'get', 'registry'])).stdout.trim();
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  async function installClient({ source, program }: Client): Promise<string> {
    const prefix = await mkdtemp(join(folder, 'client-'));
    await writeFile(join(prefix, 'package.json'), '{}');
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts'];
    await run('npm', ['install', `client@npm:${source}`, ...flags], { cwd: prefix });
    return join(prefix, 'node_modules/client', program);
  }

  test.each(clients)('$name: fresh, from its lock file, in a workspace', async (client) => {
    const file = await installClient(client);
    const cwd = await mkdtemp(join(folder, 'project-'));
    const app = join(cwd, 'app');
    await mkdir(app);
    const manifest = { private: true, type: 'module', version: '1.0.0' };
    const json = (value: object) => JSON.stringify(value, undefined, 2);
    await writeFile(
      join(cwd, 'package.json'),
      json({ name: 'several', workspaces: ['app'], ...manifest }),
    );
    await writeFile(join(cwd, 'pnpm-workspace.yaml'), 'packages: [app]\n');
    await writeFile(join(cwd, '.yarnrc.yml'), 'nodeLinker: node-modules\n');
    await writeFile(
      join(app, 'package.json'),
      json({ name: 'app', ...manifest, dependencies: { leia: `file:${tarball}` } }),
    );
    await writeFile(join(app, 'program.js'), program);
    const env = {
      ...process.env,
      // Whatever this run was started with must not reach another client.
      ...Object.fromEntries(
        Object.keys(process.env)
          .filter((name) => /^npm_/i.test(name))
          .map((name) => [name, undefined]),
      ),
      CI: undefined,
      npm_config_registry: registry,
      YARN_NPM_REGISTRY_SERVER: registry.replace(/\/$/, ''),
      YARN_UNSAFE_HTTP_WHITELIST: '*',
      YARN_ENABLE_TELEMETRY: '0',
      YARN_GLOBAL_FOLDER: join(folder, 'yarn'),
    };
    const call = async (args: readonly string[]) => {
      const command = extname(file) === '' ? [file] : [process.execPath, file];
      const { stdout, stderr } = await run(command[0]!, [...command.slice(1), ...args], {
        cwd,
        env,
      });
      return stdout + stderr;
    };
    const compute = async () => {
      const { stdout } = await run(process.execPath, ['program.js'], { cwd: app });
      expect(stdout).toBe('5,11,11,25\n');
    };
    const said = await call(client.install);
    // A manager names a package whose script it runs or blocks.
    expect(said).not.toMatch(/leia.*(script|build)|(script|build).*leia/i);
    await compute();
    for (const modules of [join(cwd, 'node_modules'), join(app, 'node_modules')]) {
      await rm(modules, { recursive: true, force: true });
    }
    await call(client.frozen);
    await compute();
  });

  test('npm, for all users', async () => {
    const prefix = join(folder, 'global');
    await run('npm', ['install', '--global', '--prefix', prefix, tarball]);
    const { stdout } = await run(join(prefix, 'bin/leia'), ['doctor']);
    expect(stdout).toMatch(/native core +works: /);
  });
});
