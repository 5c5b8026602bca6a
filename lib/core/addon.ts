// Loads the native addon and describes it to TypeScript. node-gyp-build picks the prebuilt binary for
// this platform or the one built from source; what is missing is said with the way to get it.
import { createRequire } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LeiaError } from '../system/error.ts';
import type { NativeAdamw } from './ops/adamw.ts';
import type { NativeCast } from './ops/cast.ts';
import type { NativeCrossEntropy } from './ops/cross-entropy.ts';
import type { NativeEmbedding } from './ops/embedding.ts';
import type { NativeFill } from './ops/fill.ts';
import type { NativeFlashAttention } from './ops/flash-attention.ts';
import type { NativeGradientNorm } from './ops/gradient-norm.ts';
import type { NativeMatmul } from './ops/matmul.ts';
import type { NativeRandomNormal } from './ops/random-normal.ts';
import type { NativeResidualAdd } from './ops/residual-add.ts';
import type { NativeRmsNorm } from './ops/rms-norm.ts';
import type { NativeRope } from './ops/rope.ts';
import type { NativeSampleToken } from './ops/sample-token.ts';
import type { NativeSwiglu } from './ops/swiglu.ts';

export type DType = 'float32' | 'bfloat16' | 'int32';

/** Values of a tensor on the host; bfloat16 as its 16 bits. */
export type HostArray = Float32Array | Uint16Array | Int32Array;

/** Native event and captured graph: held and given back, never looked into. */
export type NativeEvent = { readonly __event: never };
export type NativeGraph = { readonly __graph: never };

/** Native handle of a device. */
export interface NativeDevice {
  synchronize(): Promise<void>;
  /** Resolves when all work is done; rejects with the first error that no promise was rejected with. */
  conclude(): Promise<void>;
  /** Whether nothing was queued since the last of these two. */
  isSynchronized(): boolean;
  liveBytes(): number;
  properties(): { description: string; freeBytes: number; totalBytes: number };
  recordEvent(): NativeEvent;
  beginCapture(): void;
  endCapture(): NativeGraph;
  replay(graph: NativeGraph): void;
  /** Milliseconds, of events that have been reached. */
  elapsed(earlier: NativeEvent, later: NativeEvent): number;
  disposeGraph(graph: NativeGraph): void;
}

/** Native handle of a tensor. */
export interface NativeTensor {
  dispose(): void;
  view(elementOffset: number, shape: readonly number[]): NativeTensor;
  write(values: HostArray): void;
  read(): Promise<HostArray>;
}

type Handle = NativeTensor;
type OptionalHandle = NativeTensor | undefined;

/**
 * The addon's exports. Operations take positional arguments, declared beside their documented faces
 * in `ops/`.
 */
/** Native decoder of one bzip2 file; decodes on threads of its own. */
export interface NativeBzip2Decoder {
  /**
   * Takes the next compressed bytes (copied before this returns) and writes decoded ones. Their number: less than
   * there is room for only if further input is needed, or at the end. One call at a time.
   */
  decode(bytes: Uint8Array, last: boolean, output: Uint8Array): Promise<number>;
}

/**
 * What the target of a link is: `a` and the title of an article; `t`, a text that leads to none, and what to show where
 * no label is given; `h`, nothing that is shown, label included; `p`, the same for all targets that begin as this one does,
 * up to the first colon, with a title behind it.
 */
export type LinkTarget = `a${string}` | `t${string}` | 'h' | 'p';

/** Native reader of wikitext. One call at a time, those of `resolve` included. */
export interface NativeWikitextReader {
  /**
   * The text of a page in UTF-8, and three numbers for each of its links: the code points where it starts and ends,
   * and the length of its target in `targets`, where all are joined. `unclosed`: how many templates, tables and
   * links never end; `steps`: turns taken to read it.
   */
  article(wikitext: Uint8Array): {
    text: string;
    anchors: Int32Array;
    targets: string;
    unclosed: number;
    steps: number;
  };
  /** Adds the bytes of `${JSON.stringify({ title, text, anchors })}\n` of the same to the lines; returns `unclosed`. */
  writeLine(wikitext: Uint8Array, title: string): number;
  /** Bytes of all lines since they were last taken. */
  linesSize(): number;
  /** Takes them; `lines` is as long as they are. */
  takeLines(lines: Uint8Array): void;
}

/** Native byte-pair encoding with byte fallback. */
export interface NativeBpe {
  /** The tokens of "▁" and a text with "▁" for spaces: all ids, then where each starts, then where it ends. */
  encode(text: string): Int32Array<ArrayBuffer>;
}

export interface Addon
  extends NativeAdamw,
    NativeCast,
    NativeCrossEntropy,
    NativeEmbedding,
    NativeFill,
    NativeFlashAttention,
    NativeGradientNorm,
    NativeMatmul,
    NativeRandomNormal,
    NativeResidualAdd,
    NativeRmsNorm,
    NativeRope,
    NativeSampleToken,
    NativeSwiglu {
  setErrorClass(errorClass: typeof LeiaError): void;
  cpuDescription(): { isa: string; bfloat16Dot: boolean; threads: number };
  /** Names of the operations with CUDA kernels in this build, e.g. `rms_norm_forward`. */
  cudaOperations(): string[];
  /** The library that matrix products on a GPU use. Throws `unavailable` where there is none. */
  cublasLtDescription(): { path: string; version: number };
  /** Gives memory that was freed back to the system, of all threads. */
  releaseFreeMemory(): void;
  NativeDevice: new (name: string) => NativeDevice;
  /** Ends all work that devices have, for the end of the process. Gives the errors that nobody got. */
  stopDevices(): Error[];
  NativeTensor: new (device: NativeDevice, dtype: DType, shape: readonly number[]) => NativeTensor;
  /** The first `size` bytes of an open file as memory; writing to it does not change the file. */
  mapFile(descriptor: number, size: number): ArrayBuffer;
  NativeBzip2Decoder: new (threads: number) => NativeBzip2Decoder;
  /** For its arguments see `BpeTables`. */
  NativeBpe: new (
    tokens: Int32Array,
    merges: Int32Array,
    bytes: Int32Array,
  ) => NativeBpe;
  /**
   * The bytes of `${JSON.stringify({ title, text, anchors })}\n`. Four numbers an anchor: start, end, and the lengths
   * of target and name; instead of that of the name -1 for null, -2 for none. `strings`: all of these, joined.
   */
  passageLine(title: string, text: string, anchors: Int32Array, strings: string): Uint8Array;
  /**
   * `properties`: of each code point, as in lib/corpus/wikitext/characters.ts. `capitals`: pairs of code points, a
   * letter that titles do not begin with and its capital. `resolve` tells what a link's target is, for those that
   * may not be a title as they stand.
   */
  NativeWikitextReader: new (
    properties: Uint8Array,
    capitals: Uint32Array,
    keepLists: boolean,
    resolve: (target: string) => LinkTarget,
  ) => NativeWikitextReader;
  /** HTML character references replaced by what they stand for. */
  decodeEntities(text: string): string;
  /**
   * The pages in a piece of a dump, in valid UTF-8, or undefined if it is not of the shape that Wikimedia writes. Of
   * each page 17 numbers: where in the piece the text of title, namespace, id, model, wikitext, target of the redirect
   * and size of the wikitext begins, and its length, -1 if there is none; 1 if it has a redirect; 1 if the wikitext was
   * deleted; where the page ends. References are resolved in the piece, which has no other use after that.
   */
  scanPages(xml: Uint8Array): Int32Array | undefined;
}

export type { Handle, OptionalHandle };

/** The folder that holds package.json, from lib/core or dist/core alike. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

function load(): Addon {
  const require = createRequire(import.meta.url);
  const find = require('node-gyp-build') as (folder: string) => Addon;
  // Another build of the addon, for example with sanitizers.
  const explicit = process.env.LEIA_ADDON;
  try {
    const addon = explicit ? (require(resolve(explicit)) as Addon) : find(packageRoot);
    addon.setErrorClass(LeiaError);
    return addon;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new LeiaError(
      'unavailable',
      `the native core could not be loaded (${reason}); build it with 'npm run build' in ${packageRoot}`,
      { cause },
    );
  }
}

let loaded: Addon | undefined;

/** The addon, loaded at first use. Throws `unavailable` if there is none for this machine. */
export function addon(): Addon {
  loaded ??= load();
  return loaded;
}
