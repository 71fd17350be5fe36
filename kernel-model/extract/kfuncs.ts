/**
 * Kernel functions that programs may call, and destructors of types that maps may own. The image has the sets;
 * for which program types each is registered happens while the kernel boots and stands in hooks.json.
 */
import type { Btf } from '../../bpf/btf.ts';
import { spellKfuncFlags } from '../kfunc-flags.ts';
import type { BtfIdReader, KfuncIdSet } from './btf-ids.ts';
import type { SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';
import { StructReader } from './struct-reader.ts';

export interface KfuncSetRecord {
  /** Function -> flags, "ACQUIRE|RET_NULL". */
  kfuncs: { [name: string]: string };
  /** Function that decides for each program whether it may call those of the set. */
  filter?: string;
}

export interface KfuncsRecord {
  /** Sets by name: kfuncs, and functions whose return value fmod_ret programs may change. */
  sets: { [name: string]: KfuncSetRecord };
  /** struct -> function that frees an object of it which a map still owns. */
  destructors: { [struct: string]: string };
}

export function readKfuncs(
  image: KernelImage,
  btf: Btf,
  symbols: SymbolTable,
  ids: BtfIdReader,
): KfuncsRecord {
  const result: KfuncsRecord = { sets: {}, destructors: {} };
  const filters = readFilters(image, btf, symbols);
  for (const set of ids.kfuncSets()) {
    const filter = filters.get(set.address);
    result.sets[set.name] = { kfuncs: spellSet(set), ...(filter === undefined ? {} : { filter }) };
  }
  for (const pair of Object.values(ids.lists(/_dtor(_kfunc)?_ids$/))) {
    for (let i = 0; i + 1 < pair.length; i += 2)
      result.destructors[pair[i] as string] = pair[i + 1] as string;
  }
  return result;
}

function spellSet({ kfuncs }: KfuncIdSet): { [name: string]: string } {
  return Object.fromEntries(
    [...kfuncs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, flags]) => [name, spellKfuncFlags(flags)]),
  );
}

/** Address of a set -> name of the filter function that some btf_kfunc_id_set object gives it. */
function readFilters(image: KernelImage, btf: Btf, symbols: SymbolTable): Map<bigint, string> {
  const reader = new StructReader(image, btf, 'btf_kfunc_id_set');
  const filters = new Map<bigint, string>();
  if (!reader.layout.has('filter')) return filters;
  for (const { name, kind, address } of symbols.symbols) {
    if (!/kfunc|_set$/.test(name) || !/[dDrR]/.test(kind) || !reader.holds(address)) continue;
    const filter = reader.pointer(address, 'filter');
    if (!image.isCode(filter)) continue;
    const set = reader.pointer(address, 'set');
    const isSet = symbols.at(set).some((symbol) => symbol.startsWith('__BTF_ID__set8__'));
    const filterName = symbols.at(filter)[0];
    if (isSet && filterName !== undefined) filters.set(set, filterName);
  }
  return filters;
}
