// Loads the native addon and describes the core's part of it to TypeScript. node-gyp-build picks the prebuilt binary for
// this platform or the one built from source; what is missing is said with the way to get it.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LeiaError } from '../system/error.ts';

/**
 * What the elements of a tensor are. Operations compute in float32 and bfloat16 and count in int32. float16, int64 and
 * uint8 are how files store numbers: they can be copied, rearranged and cast, and every other operation refuses them.
 */
export type DType = 'float32' | 'bfloat16' | 'float16' | 'int32' | 'int64' | 'uint8';

/** Values of a tensor on the host; bfloat16 and float16 as their 16 bits. */
export type HostArray = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

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
  peakBytes(): number;
  properties(): { description: string; freeBytes: number; totalBytes: number };
  pinnedBuffer(bytes: number): ArrayBuffer;
  recordEvent(): NativeEvent;
  beginCapture(): void;
  endCapture(): NativeGraph;
  replay(graph: NativeGraph): void;
  /** As the device calls itself: `cuda` for `cuda:0`. */
  name(): string;
  /** Milliseconds, of events that have been reached. */
  elapsed(earlier: NativeEvent, later: NativeEvent): number;
  disposeGraph(graph: NativeGraph): void;
}

/** Native handle of a tensor. */
export interface NativeTensor {
  dispose(): void;
  view(elementOffset: number, shape: readonly number[]): NativeTensor;
  write(values: HostArray): void;
  /** Resolves to the array once the values are in it; in a Float64Array those of int64 as numbers. */
  read(target: HostArray | Float64Array): Promise<HostArray | Float64Array>;
}

/** Checks an operation's arguments and queues it. They are given in the order of `parameters`, their names. */
export interface NativeOperation {
  (...values: readonly NativeArgument[]): void;
  readonly parameters: readonly string[];
  /** Those that are tensors, or lists of them, that it reads and that must be given. */
  readonly inputs: readonly string[];
}

export type NativeArgument =
  | NativeTensor
  | readonly (NativeTensor | number)[]
  | number
  | boolean
  | undefined;

/** The part of the addon that is the core's. What else it has is declared by the folders that call it. */
export interface CoreAddon {
  setErrorClass(errorClass: typeof LeiaError): void;
  cpuDescription(): { isa: string; bfloat16Dot: boolean; threads: number };
  /** Names of the operations with CUDA kernels in this build, e.g. `rms_norm_forward`. */
  cudaOperations(): string[];
  /**
   * The library that matrix products on a GPU use: the first that has all functions, and where there is a GPU works
   * with its driver. Throws `unavailable` where there is none.
   */
  cublasLtDescription(onGpu: boolean): { path: string; version: number };
  /** Gives memory that was freed back to the system, of all threads. */
  releaseFreeMemory(): void;
  /** The first `size` bytes of an open file as memory; writing to it does not change the file. */
  mapFile(descriptor: number, size: number): ArrayBuffer;
  NativeDevice: new (name: string) => NativeDevice;
  /** Ends all work that devices have, for the end of the process. Gives the errors that nobody got. */
  stopDevices(): LeiaError[];
  NativeTensor: new (device: NativeDevice, dtype: DType, shape: readonly number[]) => NativeTensor;
  /** By name, e.g. `rmsNormForward`. */
  readonly operations: Readonly<Record<string, NativeOperation>>;
}

/** The folder that holds package.json, from lib/core or dist/core alike. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** The version of this program, as package.json has it. */
export function packageVersion(): string {
  const text = readFileSync(resolve(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function load(): CoreAddon {
  const require = createRequire(import.meta.url);
  // Another build of the addon, for example with sanitizers.
  const explicit = process.env.LEIA_ADDON;
  try {
    const addon: CoreAddon = explicit
      ? require(resolve(explicit))
      : require('node-gyp-build')(packageRoot);
    addon.setErrorClass(LeiaError);
    return addon;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new LeiaError(
      'unavailable',
      `the native core could not be loaded (${reason}); ${waysToGetIt()}`,
      { cause },
    );
  }
}

function waysToGetIt(): string {
  if (!isInPackage()) {
    const place = fileURLToPath(import.meta.url);
    return `${place} is not in leia's package: let the bundler leave leia external (esbuild: --packages=external), or name the core's file in LEIA_ADDON`;
  }
  const build = existsSync(join(packageRoot, 'test')) ? 'npm run build:native' : 'npx leia build';
  return `'${build}' compiles it for this machine`;
}

/** Whether this file lies where it was installed or built, not in what a bundler has made of it. */
function isInPackage(): boolean {
  try {
    const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
    return (JSON.parse(text) as { name?: string }).name === 'leia';
  } catch {
    return false;
  }
}

let loaded: CoreAddon | undefined;

/**
 * The addon, loaded at first use, with the core's part and the `Part` that the caller declares beside the code that
 * uses it. Throws `unavailable` if there is none for this machine.
 */
export function addon<Part extends object = CoreAddon>(): CoreAddon & Part {
  loaded ??= load();
  return loaded as CoreAddon & Part;
}
