/** What a kernel's own BTF says about the numbers of the bpf system call. */
import { type Btf, BtfKind } from '../bpf/btf.ts';

export class KernelTypes {
  /** False for BTF that was made of a part of the kernel: what is not in it says nothing. */
  readonly isWhole: boolean;
  private readonly btf: Btf;
  private readonly enums = new Map<string, ReadonlyMap<number, string>>();
  private constants: ReadonlySet<string> | undefined;

  constructor(btf: Btf) {
    this.btf = btf;
    this.isWhole = btf.find('bpf_func_id', BtfKind.Enum) !== 0;
  }

  /** Enumerators of an enum by their value; empty when there is none of the name. */
  names(name: string): ReadonlyMap<number, string> {
    const known = this.enums.get(name);
    if (known) return known;
    const id = this.btf.find(name, BtfKind.Enum);
    const values = id === 0 ? [] : this.btf.type(id).values;
    // Of two names of one number the first is the one that says something: the other is an alias or a limit.
    const names = new Map<number, string>();
    for (const { name: text, value } of values) if (!names.has(Number(value))) names.set(Number(value), text);
    this.enums.set(name, names);
    return names;
  }

  /** Whether an enum without a name has the constant. */
  hasConstant(name: string): boolean {
    this.constants ??= this.readConstants();
    return this.constants.has(name);
  }

  private readConstants(): ReadonlySet<string> {
    const names = new Set<string>();
    for (let id = 1; id < this.btf.typeCount; id++) {
      if (this.btf.kind(id) !== BtfKind.Enum || this.btf.name(id) !== '') continue;
      for (const { name } of this.btf.type(id).values) names.add(name);
    }
    return names;
  }
}
