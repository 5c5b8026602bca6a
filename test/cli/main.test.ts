import { expect, test, vi } from 'vitest';
import { main } from '../../lib/cli/main.ts';
import { leia } from './child.ts';

async function run(...args: string[]) {
  const error = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const output = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    const code = await main(args);
    const text = (calls: unknown[][]) => calls.map(([chunk]) => String(chunk)).join('');
    return { code, output: text(output.mock.calls), error: text(error.mock.calls) };
  } finally {
    error.mockRestore();
    output.mockRestore();
  }
}

test('help ends well', async () => {
  const { code, output } = await run('--help');
  expect(code).toBe(0);
  expect(output).toContain('Usage: leia');
});

test('an unknown command is wrong use', async () => {
  const { code, error } = await run('trian');
  expect(code).toBe(2);
  expect(error).toContain('error: ');
});

test('colours are for terminals and those who ask for them', async () => {
  const doctor = async (env: Record<string, string>) => (await leia(['doctor'], { env })).stdout;
  expect(await doctor({ CI: 'true' })).not.toContain('\u001b');
  expect(await doctor({ FORCE_COLOR: '1' })).toContain('\u001b[32m✓');
});
