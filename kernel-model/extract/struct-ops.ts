/** Kernel structs whose function pointers BPF programs can implement: the bpf_struct_ops objects of an image. */
import { type Btf, BtfKind } from '../../bpf/btf.ts';
import { Layout } from '../layout.ts';
import type { SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';
import { StructReader } from './struct-reader.ts';

export interface StructOpsRecord {
  /** Function pointers a program can implement; the rest of the struct's members are refused. */
  members: string[];
}

/** By struct name. */
export function readStructOps(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
): { [struct: string]: StructOpsRecord } {
  const reader = new StructReader(image, btf, 'bpf_struct_ops');
  const result: { [struct: string]: StructOpsRecord } = {};
  for (const { name, kind, address } of symbols.symbols) {
    if (!/_ops$/.test(name) || !/[dDrR]/.test(kind) || !reader.holds(address)) continue;
    if (symbols.room(address) < reader.size) continue;
    const struct = reader.text(address, 'name');
    if (!struct || btf.find(`bpf_struct_ops_${struct}`, BtfKind.Struct) === 0) continue;
    const layout = new Layout(btf, btf.find(struct, BtfKind.Struct), struct);
    const stubs = reader.layout.has('cfi_stubs') ? reader.pointer(address, 'cfi_stubs') : 0n;
    result[struct] = { members: callableMembers(image, btf, layout, stubs) };
  }
  return result;
}

/** Function pointers that have a stub; all of them in kernels without stubs. */
function callableMembers(image: KernelImage, btf: Btf, layout: Layout, stubs: bigint): string[] {
  const members: string[] = [];
  for (const { name, type, bitOffset } of btf.type(layout.typeId).members) {
    const pointer = btf.resolve(type);
    if (pointer.kind !== BtfKind.Ptr || btf.resolve(pointer.type).kind !== BtfKind.FuncProto) continue;
    if (stubs === 0n || image.u64(stubs + BigInt(bitOffset >>> 3)) !== 0n) members.push(name);
  }
  return members;
}
