/** Which symbols a kernel has, for externs of programs: /proc/kallsyms without the addresses. */
import { type Btf, BtfKind } from '../bpf/btf.ts';

/** Names of symbols that BTF does not have, one a line, compressed; a file of a profile. */
export const SYMBOLS_FILE = 'symbols.txt.gz';

/** Where the verifier sees symbols: addresses only have to exist and to differ, it never looks behind one. */
const FIRST_ADDRESS = 0xffff_ffff_8100_0000n;
const DISTANCE = 0x100n;

export class SymbolNames {
  private readonly btf: Btf;
  private readonly untyped: ReadonlySet<string>;
  private readonly asked = new Map<string, bigint>();

  /** @param untyped symbols that the BTF does not have; empty when they are not known. */
  constructor(btf: Btf, untyped: ReadonlySet<string>) {
    this.btf = btf;
    this.untyped = untyped;
  }

  has(name: string): boolean {
    return this.untyped.has(name) || this.btf.find(name, BtfKind.Func, BtfKind.Var) !== 0;
  }

  /** An address for a symbol, the same one each time; undefined when the kernel has no such symbol. */
  address(name: string): bigint | undefined {
    if (!this.has(name)) return undefined;
    const known = this.asked.get(name);
    const address = known ?? FIRST_ADDRESS + DISTANCE * BigInt(this.asked.size);
    this.asked.set(name, address);
    return address;
  }
}
