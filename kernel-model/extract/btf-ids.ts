/**
 * The .BTF_ids section: lists and sets of type ids that the kernel keeps for its verifier (kernel docs,
 * bpf/btf.rst, ".BTF_ids section"). Each set begins with its count; sets of kfuncs have a word of flags beside
 * the count and beside each id.
 */
import type { Btf } from '../../bpf/btf.ts';
import type { SymbolTable } from './kallsyms.ts';
import type { KernelImage } from './kernel-image.ts';

export interface KfuncIdSet {
  readonly name: string;
  readonly address: bigint;
  /** Name of the function -> KF_* bits. */
  readonly kfuncs: ReadonlyMap<string, number>;
}

const SET = /^__BTF_ID__(set8?)__(\w+?)(?:__\d+)?$/;
const ENTRY = /^__BTF_ID__(?:struct|union|func|typedef)__\w+$/;
/** Sets larger than this are damaged data. */
const MAX_ENTRIES = 4096;

export class BtfIdReader {
  private readonly image: KernelImage;
  private readonly btf: Btf;
  private readonly symbols: SymbolTable;

  constructor(image: KernelImage, btf: Btf, symbols: SymbolTable) {
    this.image = image;
    this.btf = btf;
    this.symbols = symbols;
  }

  /** Plain sets: name -> names of the types in them, sorted. */
  sets(): { [name: string]: string[] } {
    const result: { [name: string]: string[] } = {};
    for (const { name, kind, address } of this.findSets()) {
      if (kind !== 'set') continue;
      const count = this.count(name, address);
      const names = Array.from({ length: count }, (_, i) => this.nameAt(address + 4n + 4n * BigInt(i)));
      result[name] = names.filter((type) => type !== '').sort();
    }
    return result;
  }

  kfuncSets(): KfuncIdSet[] {
    const result: KfuncIdSet[] = [];
    for (const { name, kind, address } of this.findSets()) {
      if (kind !== 'set8') continue;
      const kfuncs = new Map<string, number>();
      const count = this.count(name, address);
      for (let i = 0; i < count; i++) {
        const pair = address + 8n + 8n * BigInt(i);
        const type = this.nameAt(pair);
        if (type !== '') kfuncs.set(type, this.image.u32(pair + 4n));
      }
      result.push({ name, address, kfuncs });
    }
    return result;
  }

  /** Lists (arrays of ids without a count) whose name matches: name -> names in the order of the array. */
  lists(pattern: RegExp): { [name: string]: string[] } {
    const result: { [name: string]: string[] } = {};
    for (const { name, kind, address } of this.symbols.symbols) {
      if (!/[rR]/.test(kind) || !pattern.test(name) || name.startsWith('__BTF_ID__')) continue;
      const names = this.listAt(address);
      if (names.length > 0) result[name] = names;
    }
    return result;
  }

  /** A list goes on until the next entry belongs to a symbol of its own. */
  private listAt(address: bigint): string[] {
    const names: string[] = [];
    for (let at = address; names.length < MAX_ENTRIES; at += 4n) {
      const here = this.symbols.at(at);
      const entry = here.some((name) => ENTRY.test(name) && !SET.test(name));
      const other = at !== address && here.some((name) => !name.startsWith('__BTF_ID__'));
      if (!entry || other) break;
      names.push(this.nameAt(at));
    }
    return names;
  }

  private *findSets(): Iterable<{ name: string; kind: string; address: bigint }> {
    for (const { name, address } of this.symbols.symbols) {
      const match = SET.exec(name);
      if (match) yield { name: match[2] as string, kind: match[1] as string, address };
    }
  }

  private count(set: string, address: bigint): number {
    const count = this.image.u32(address);
    if (count > MAX_ENTRIES) throw this.image.error(`BTF id set ${set} claims ${count} entries`);
    return count;
  }

  /** "" for an entry that the kernel build could not resolve (a function that has no type information). */
  private nameAt(address: bigint): string {
    const id = this.image.u32(address);
    if (id === 0) return '';
    if (id >= this.btf.typeCount) {
      throw this.image.error(
        `type id ${id} at 0x${address.toString(16)} of .BTF_ids is not in the kernel's BTF`,
      );
    }
    return this.btf.name(id);
  }
}
