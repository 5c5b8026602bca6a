// Datasets of the Hugging Face Hub, through its own client: files are listed there, and downloaded into the cache that
// all of its programs share.
import { LeiaError } from '../../system/error.ts';
import type { FileSet } from './find-files.ts';

/** The files of a dataset such as `sbintuitions/JEMHopQA`. Nothing is fetched before it is asked for. */
export function hubFiles(dataset: string): FileSet {
  const repo = { type: 'dataset', name: dataset } as const;
  const hubUrl = process.env.HF_ENDPOINT;
  const options = { repo, ...(hubUrl && { hubUrl }), ...token() };
  return {
    name: `the dataset ${dataset}`,
    root: dataset,
    list: () =>
      reach(dataset, async () => {
        const { listFiles } = await import('@huggingface/hub');
        const paths: string[] = [];
        for await (const { type, path } of listFiles({ ...options, recursive: true })) {
          if (type === 'file') paths.push(path);
        }
        return paths.sort();
      }),
    fetch: (path) =>
      reach(dataset, async () => {
        const { downloadFileToCacheDir } = await import('@huggingface/hub');
        return await quietly(() => downloadFileToCacheDir({ ...options, path }));
      }),
  };
}

/** The client says what it downloads on standard output, which is left to results here. */
async function quietly<T>(action: () => Promise<T>): Promise<T> {
  const { debug } = console;
  console.debug = () => {};
  try {
    return await action();
  } finally {
    console.debug = debug;
  }
}

/** The user's token, for sets that are not open to all. */
function token(): { accessToken?: string } {
  const { HF_TOKEN } = process.env;
  return HF_TOKEN ? { accessToken: HF_TOKEN } : {};
}

/** @throws LeiaError `unavailable` */
async function reach<T>(dataset: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const { message, cause: below } = cause as Error;
    const reason = below instanceof Error && below.message ? below.message : message;
    throw new LeiaError(
      'unavailable',
      `the dataset ${dataset} could not be read from the Hugging Face Hub (${reason.split('\n')[0]})`,
      { cause },
    );
  }
}
