/** Map types an image has, and program types: the dispatch tables of its bpf system call. */
import type { Btf } from '../../bpf/btf.ts';
import { enumNames } from '../program-facts.ts';
import type { SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';
import { StructReader } from './struct-reader.ts';

export interface MapTypeRecord {
  /** struct of the kernel that a pointer to such a map may be read as. */
  struct: string;
  /** Operations that the verifier asks for, of those in OPERATIONS. */
  ops: string[];
}

/** Callbacks of bpf_map_ops whose presence decides what a program may do with a map. */
const OPERATIONS = [
  'map_lookup_elem',
  'map_update_elem',
  'map_delete_elem',
  'map_push_elem',
  'map_pop_elem',
  'map_peek_elem',
  'map_lookup_percpu_elem',
  'map_redirect',
  'map_gen_lookup',
  'map_direct_value_addr',
  'map_direct_value_meta',
  'map_for_each_callback',
  'map_set_for_each_callback_args',
] as const;

/** By BPF_MAP_TYPE_ name in lower case. */
export function readMapTypes(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
): { [type: string]: MapTypeRecord } {
  const reader = new StructReader(image, btf, 'bpf_map_ops');
  const result: { [type: string]: MapTypeRecord } = {};
  for (const { name, entry } of tableEntries(
    image,
    btf,
    symbols,
    'bpf_map_types',
    'bpf_map_type',
    'BPF_MAP_TYPE_',
  )) {
    const id = image.u32(reader.pointer(entry, 'map_btf_id'));
    result[name] = {
      struct: btf.name(id),
      ops: OPERATIONS.filter((op) => reader.layout.has(op) && reader.pointer(entry, op) !== 0n),
    };
  }
  return result;
}

/** BPF_PROG_TYPE_ names in lower case of the types that can be loaded. */
export function readProgTypes(image: KernelImage, btf: Btf, symbols: SymbolTable): string[] {
  const entries = tableEntries(image, btf, symbols, 'bpf_verifier_ops', 'bpf_prog_type', 'BPF_PROG_TYPE_');
  return entries.map(({ name }) => name);
}

/** Entries of an array of pointers, indexed by an enum, that are not NULL. */
function tableEntries(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
  table: string,
  enumName: string,
  prefix: string,
): { name: string; entry: bigint }[] {
  const address = symbols.address(table);
  if (address === undefined) throw image.error(`the kernel has no ${table}`);
  // later names of the same number are aliases that replaced a deprecated one
  const names = new Map([...enumNames(btf, enumName, prefix)].map(([name, value]) => [value, name]));
  const room = symbols.room(address);
  const entries: { name: string; entry: bigint }[] = [];
  for (const [value, name] of [...names].sort(([a], [b]) => a - b)) {
    if (8 * value + 8 > room) continue;
    const entry = image.u64(address + 8n * BigInt(value));
    if (entry !== 0n) entries.push({ name, entry });
  }
  return entries;
}
