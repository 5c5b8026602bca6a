// Builds `leia bench` into dist/bench, from bench/ and the references of test/ops/cases. What they need of the library they
// import from dist, so that it is loaded once.
import { join, relative, resolve, sep } from 'node:path';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
const library = join(root, 'lib') + sep;

const imports = {
  name: 'imports of the library',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = resolve(resolveDir, path);
      if (!file.startsWith(library)) return undefined;
      const built = relative(library, file).replace(/\.ts$/, '.js');
      return { path: `../${built}`, external: true, sideEffects: false };
    });
  },
};

await build({
  entryPoints: [join(root, 'bench/run.ts')],
  outdir: join(root, 'dist/bench'),
  bundle: true,
  // Each operation's benchmark is a file of its own: a run loads only what it was asked for.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  plugins: [imports],
});
