import { defineConfig } from 'vitest/config';

/** The operations' tests once more, with CUDA kernels on the emulator: an addon of its own, so its own run. */
const onTheEmulator = [
  'test/ops/operations.test.ts',
  'test/ops/properties.test.ts',
  'test/ops/attention-fixtures.test.ts',
  'test/ops/attention-views.test.ts',
];

/** Where the addons that only tests use lie: another folder for those with sanitizers. */
const build = process.env.LEIA_BUILD ?? 'build';

export default defineConfig({
  test: {
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      { extends: true, test: { name: 'cpu', include: ['test/**/*.test.ts'] } },
      {
        extends: true,
        test: {
          name: 'emulated',
          include: onTheEmulator,
          env: { LEIA_TEST_DEVICE: 'emulated', LEIA_ADDON: `${build}/emulated/leia.node` },
        },
      },
    ],
  },
});
