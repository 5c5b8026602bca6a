import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { filesApart } from './test/support/files-apart.ts';
import { LongestFirst } from './test/support/longest-first.ts';

/**
 * What is tested on every device: a run of its own for each, with CUDA kernels on the emulator or on a GPU; some only in
 * full, as it takes half a minute on the emulator. And what needs GPUs, or the emulator's. The bundle has all of it.
 */
const deviceTests = JSON.parse(
  readFileSync(join(import.meta.dirname, 'test/device-tests.json'), 'utf8'),
) as Record<'onEveryDevice' | 'onEveryDeviceInFull' | 'onGpus', string[]>;
const { onGpus } = deviceTests;
const onEveryDevice = [
  ...deviceTests.onEveryDevice,
  ...(process.env.LEIA_TEST_FULL === '1' ? deviceTests.onEveryDeviceInFull : []),
];
/**
 * What `npm test` leaves to `npm run test:full`: attention is compiled once more, an archive of 50 MB is packed and
 * unpacked, package managers are fetched, the API reference is made.
 */
const onlyInFull =
  process.env.LEIA_TEST_FULL === '1'
    ? []
    : [
        'test/emulator/machine-code.test.ts',
        'test/package/api-reference.test.ts',
        'test/package/bundle.test.ts',
        'test/package/clients.test.ts',
      ];
const apart = filesApart('test');
const hasGpu = existsSync('/dev/nvidiactl');

/** Where the addons that only tests use lie: another folder for those with sanitizers. */
const build = process.env.LEIA_BUILD ?? 'build';

/** The examples import the package as its users do. */
const lib = join(import.meta.dirname, 'lib');

export default defineConfig({
  resolve: {
    alias: [
      { find: /^leia$/, replacement: join(lib, 'index.ts') },
      { find: /^leia\/([\w-]+)$/, replacement: join(lib, '$1.ts') },
    ],
  },
  test: {
    pool: 'forks',
    // More than there are cores: many tests wait for the disk or for a process of one thread.
    maxWorkers: availableParallelism() + 1,
    // No limit of time: a busy machine would reach it, and a test that hangs shows by its name in the output.
    testTimeout: 0,
    hookTimeout: 0,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'cpu',
          include: ['test/**/*.test.ts'],
          exclude: [...onlyInFull, ...apart, ...onGpus],
          globalSetup: 'test/support/build-commands.ts',
          // Files share processes, which load the modules once: a quarter of the time of most of them.
          isolate: false,
        },
      },
      {
        extends: true,
        test: { name: 'cpu-apart', include: apart },
      },
      {
        extends: true,
        test: {
          name: 'emulated',
          include: [...onEveryDevice, ...onGpus],
          env: { LEIA_TEST_DEVICE: 'emulated', LEIA_ADDON: `${build}/emulated/leia.node` },
        },
      },
      {
        extends: true,
        test: {
          name: 'hopper',
          include: ['test/ops/operations.test.ts', 'test/ops/properties.test.ts'],
          env: {
            LEIA_TEST_DEVICE: 'emulated',
            LEIA_ADDON: `${build}/emulated/leia.node`,
            LEIA_HOPPER: '1',
            LEIA_TEST_OPERATION: 'flash-attention',
          },
        },
      },
      ...(hasGpu
        ? [
            {
              extends: true as const,
              test: {
                name: 'cuda',
                include: [...onEveryDevice, ...onGpus],
                env: { LEIA_TEST_DEVICE: 'cuda' },
              },
            },
          ]
        : []),
    ],
  },
});
