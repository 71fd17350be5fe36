/** Where a kernel that nobody booted has its symbols, for externs of programs that are verified. */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import type { SymbolNames } from './symbol-names.ts';

/** Addresses only have to exist and to differ: the verifier compares them, and never looks behind one. */
const FIRST = 0xffff_ffff_8100_0000n;
const DISTANCE = 0x100n;

export class SymbolAddresses {
  private readonly typed: readonly Btf[];
  private readonly names: () => SymbolNames | undefined;
  private readonly given = new Map<string, bigint>();

  /**
   * @param typed the kernel's types and those of its modules, whose symbols have no other list.
   * @param names the kernel's symbols, asked for when one is; only those with a type are known without them.
   */
  constructor(typed: readonly Btf[], names: () => SymbolNames | undefined) {
    this.typed = typed;
    this.names = names;
  }

  /** The same address each time; undefined when the kernel has no such symbol, 'ambiguous' when it has several. */
  find(name: string): bigint | 'ambiguous' | undefined {
    const names = this.names();
    if (names?.find(name) === 'several') return 'ambiguous';
    // Where there is a list, a type alone is not enough: a function may have been inlined everywhere.
    const typed = names ? this.typed.slice(1) : this.typed;
    const hasType = typed.some((btf) => btf.find(name, BtfKind.Func, BtfKind.Var) >= btf.firstId);
    if (names?.find(name) === undefined && !hasType) return undefined;
    const address = this.given.get(name) ?? FIRST + DISTANCE * BigInt(this.given.size);
    this.given.set(name, address);
    return address;
  }
}
