/** Where a kernel that nobody booted has its symbols, for externs of programs that are verified. */
import { type Btf, BtfKind } from '../bpf/btf.ts';
import type { SymbolNames } from './symbol-names.ts';

/** Addresses only have to exist and to differ: the verifier compares them, and never looks behind one. */
const FIRST = 0xffff_ffff_8100_0000n;
const DISTANCE = 0x100n;

export class SymbolAddresses {
  private readonly btf: Btf;
  private readonly names: () => SymbolNames | undefined;
  private readonly given = new Map<string, bigint>();

  /** @param names the kernel's symbols, asked for when one is; only those with a type are known without them. */
  constructor(btf: Btf, names: () => SymbolNames | undefined) {
    this.btf = btf;
    this.names = names;
  }

  /** The same address each time; undefined when the kernel has no such symbol, 'ambiguous' when it has several. */
  find(name: string): bigint | 'ambiguous' | undefined {
    const names = this.names();
    const isTyped = this.btf.find(name, BtfKind.Func, BtfKind.Var) !== 0;
    const found = names ? names.find(name) : isTyped ? 'one' : undefined;
    if (found === undefined) return undefined;
    if (found === 'several') return 'ambiguous';
    const address = this.given.get(name) ?? FIRST + DISTANCE * BigInt(this.given.size);
    this.given.set(name, address);
    return address;
  }
}
