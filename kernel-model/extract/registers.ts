/** How the kernel's verifier matches registers to arguments: two of its tables. */
import type { Btf } from '../../bpf/btf.ts';
import type { Layout } from '../layout.ts';
import type { SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';
import { StructReader } from './struct-reader.ts';
import { enumValues, TypeNames } from './type-names.ts';

export interface RegistersRecord {
  /** Argument kind -> register types it takes, in the order in which a mismatch lists them. */
  accepts: { [arg: string]: string[] };
  /** Register type -> kernel struct it can stand for where a BTF pointer is asked for. */
  structs: { [reg: string]: string };
}

/** Only base types (below the flag bits) have an entry. */
const FLAG_BASE = 1 << 8;

/** @throws {InputError} when the kernel lacks the tables. */
export function readRegisters(image: KernelImage, btf: Btf, symbols: SymbolTable): RegistersRecord {
  const regNames = new TypeNames(btf, 'bpf_reg_type');
  return {
    accepts: readAccepts(image, btf, symbols, regNames),
    structs: readStructs(image, btf, symbols, regNames),
  };
}

function readAccepts(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
  regNames: TypeNames,
): RegistersRecord['accepts'] {
  const table = need(image, symbols, 'compatible_reg_types');
  const set = new StructReader(image, btf, 'bpf_reg_types');
  const slots = typesOf(set.layout);
  const accepts: RegistersRecord['accepts'] = {};
  for (const { name, entry } of entries(image, btf, symbols, table, 'bpf_arg_type')) {
    const types: string[] = [];
    for (let i = 0; i < slots; i++) {
      const value = set.u32(entry, `types[${i}]`);
      // NOT_INIT ends the list
      if (value === 0) break;
      types.push(regNames.spell(value));
    }
    accepts[name] = types;
  }
  return accepts;
}

function readStructs(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
  regNames: TypeNames,
): RegistersRecord['structs'] {
  const table = need(image, symbols, 'reg2btf_ids');
  const structs: RegistersRecord['structs'] = {};
  for (const { value, entry } of entries(image, btf, symbols, table, 'bpf_reg_type')) {
    structs[regNames.spell(value)] = btf.name(image.u32(entry));
  }
  return structs;
}

function need(image: KernelImage, symbols: SymbolTable, name: string): bigint {
  const address = symbols.address(name);
  if (address === undefined) throw image.error(`the kernel has no ${name}`);
  return address;
}

/** Entries of a table of pointers that is indexed by the base values of an enum. */
function entries(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
  table: bigint,
  enumName: string,
): { name: string; value: number; entry: bigint }[] {
  const room = symbols.room(table);
  const result: { name: string; value: number; entry: bigint }[] = [];
  for (const { name, value } of enumValues(btf, enumName)) {
    if (name.startsWith('__') || value >= FLAG_BASE || 8 * value + 8 > room) continue;
    const entry = image.u64(table + 8n * BigInt(value));
    if (entry !== 0n) result.push({ name, value, entry });
  }
  return result;
}

/** Elements of the array of types. */
function typesOf(layout: Layout): number {
  return Math.floor(layout.field('types').size / 4);
}
