// Which instructions a compiled kernel is made of, where NVIDIA's own disassembler is not at hand. An instruction has 16
// bytes since compute capability 7.0 and its operation code is in the lowest 12 bits; NVIDIA does not document the codes,
// so they are as cuobjdump has shown them for 8.0 and 9.0.
import { readFile } from 'node:fs/promises';

const operations = new Map([
  [0x23c, 'HMMA'], // product on tensor cores
  [0x308, 'MUFU'], // exponential, among others
  [0x91a, 'DEPBAR'], // wait for asynchronous copies
  [0xb1d, 'BAR'],
  [0x986, 'STG'],
  [0x992, 'MEMBAR'], // of a release
  [0x387, 'STL'],
  [0x983, 'LDL'],
]);

/** Of every kernel in the file, by its mangled name: those of the operations above that it has, in their order. */
export async function instructionsOf(cubin: string): Promise<Map<string, string[]>> {
  const file = await readFile(cubin);
  // ELF, 64 bits: the table of sections, of which one holds their names.
  const table = Number(file.readBigUInt64LE(0x28));
  const [size, count, names] = [0x3a, 0x3c, 0x3e].map((at) => file.readUInt16LE(at));
  const sections = Array.from({ length: count! }, (_, i) => {
    const at = table + i * size!;
    const offset = Number(file.readBigUInt64LE(at + 0x18));
    const data = file.subarray(offset, offset + Number(file.readBigUInt64LE(at + 0x20)));
    return { nameAt: file.readUInt32LE(at), data };
  });
  const nameOf = (at: number) => {
    const text = sections[names!]!.data;
    return text.toString('latin1', at, text.indexOf(0, at));
  };
  const kernels = new Map<string, string[]>();
  for (const { nameAt, data } of sections) {
    const name = /^\.text\.(.+)/.exec(nameOf(nameAt))?.[1];
    if (name === undefined) continue;
    const own: string[] = [];
    for (let i = 0; i < data.length; i += 16) {
      const operation = operations.get(data.readUInt16LE(i) & 0xfff);
      if (operation) own.push(operation);
    }
    kernels.set(name, own);
  }
  return kernels;
}
