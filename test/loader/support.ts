/** Objects of the loader's tests, and the "kernel" that they are loaded against. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Btf } from '../../bpf/btf.ts';
import { ElfFile } from '../../loader/elf.ts';
import { type BpfObject, type LoadOptions, loadObject, type Program } from '../../loader/index.ts';

const FOLDER = join(import.meta.dirname, 'objects');

export function readObject(name: string): Uint8Array {
  return new Uint8Array(readFileSync(join(FOLDER, `${name}.bpf.o`)));
}

export function btfOf(name: string): Btf {
  const section = ElfFile.parse(readObject(name)).section('.BTF');
  if (!section) throw new Error(`${name} has no BTF`);
  return Btf.parse(section.data);
}

/** BTF of objects/kernel.c. */
export const kernelBtf = btfOf('kernel');

export function load(name: string, options: LoadOptions = {}): BpfObject {
  return loadObject(readObject(name), { file: `${name}.bpf.o`, kernelBtf, ...options });
}

export function program(object: BpfObject, name: string): Program {
  const found = object.programs.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`there is no program ${name}`);
  return found;
}

/** One instruction slot, decoded. */
export interface Slot {
  code: number;
  dst: number;
  src: number;
  offset: number;
  imm: number;
}

export function slots({ insns }: Program): Slot[] {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  return Array.from({ length: insns.length / 8 }, (_, index) => {
    const at = index * 8;
    const registers = view.getUint8(at + 1);
    return {
      code: view.getUint8(at),
      dst: registers & 0xf,
      src: registers >>> 4,
      offset: view.getInt16(at + 2, true),
      imm: view.getInt32(at + 4, true),
    };
  });
}

/** The value that a program which only returns one loads first: mov r0 or ld_imm64 r0. */
export function returned(found: Program): bigint | 'poison' {
  const [first, second] = slots(found);
  if (first?.code === 0x85 && first.imm === 0xbad2310) return 'poison';
  if (first?.code === 0x18) return (BigInt(second?.imm ?? 0) << 32n) | BigInt(first.imm >>> 0);
  if (first?.code === 0xb7 || first?.code === 0xb4) return BigInt(first.imm);
  throw new Error(`${found.name} does not begin with a constant: ${JSON.stringify(first)}`);
}

export const KCONFIG = new Map([
  ['CONFIG_HEX', '0x123456789ab'],
  ['CONFIG_NEGATIVE', '-5'],
  ['CONFIG_BOOL', 'y'],
  ['CONFIG_MODULE', 'm'],
  ['CONFIG_LETTER', 'n'],
  ['CONFIG_TEXT', '"a long text"'],
]);
export const SYMBOL_ADDRESS = 0xffff_ffff_8123_4560n;
/** What the externs of objects/externs.c need. */
export const EXTERNS: LoadOptions = {
  kconfig: KCONFIG,
  kernelVersion: 0x060c75,
  ksym: (name) => (name === 'bare_symbol' ? SYMBOL_ADDRESS : undefined),
};
