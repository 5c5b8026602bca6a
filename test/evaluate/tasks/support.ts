// A model with a tokenizer and room for long prompts, and the question sets of the fixtures.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findTasks } from '../../../lib/evaluate/tasks/definition.ts';
import {
  type LoadedTask,
  type LoadOptions,
  loadTask,
} from '../../../lib/evaluate/tasks/load-task.ts';
import { fixtures, temporaryFolder } from '../../llama/fixtures.ts';

export const sets = join(fixtures, 'evaluation', 'sets');

/** A folder named `tiny` with tiny-llama and a tokenizer; it takes so many tokens. */
export async function modelFolder(maxLength = 4096, name = 'tiny-llama'): Promise<string> {
  const folder = join(await temporaryFolder(), 'tiny');
  await mkdir(folder);
  const config = JSON.parse(await readFile(join(fixtures, name, 'config.json'), 'utf8')) as object;
  const changed = { ...config, max_position_embeddings: maxLength };
  await writeFile(join(folder, 'config.json'), JSON.stringify(changed));
  await copyFile(join(fixtures, name, 'model.safetensors'), join(folder, 'model.safetensors'));
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
    await copyFile(join(fixtures, 'tokenizer-tiny', file), join(folder, file));
  }
  return folder;
}

/** A built-in task with the questions of the fixtures. */
export async function builtin(
  name: string,
  options: LoadOptions & { readonly faithful?: boolean } = {},
): Promise<LoadedTask> {
  const [definition] = findTasks([name], options);
  return await loadTask(definition!, { data: sets, ...options });
}
