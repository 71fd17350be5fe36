/**
 * Kernel symbols: what /proc/kallsyms lists and `extern ... __ksym` finds. Each is a small object in low
 * memory, seen at its address in the kernel image.
 */
import { KERNEL_IMAGE } from '../bpf/address.ts';
import type { Layout } from './layout.ts';
import type { Ram } from './ram.ts';
import { Record } from './record.ts';

export interface KernelSymbol {
  readonly name: string;
  readonly address: bigint;
  /** Bytes. */
  readonly size: number;
}

/** Stand-in size of a symbol whose type the kernel's BTF does not hold: operations tables are about that. */
const OPAQUE_SIZE = 256;

export class SymbolTable {
  private readonly ram: Ram;
  private readonly byName = new Map<string, KernelSymbol>();
  /** Ascending by address. */
  private sorted: KernelSymbol[] | undefined;

  constructor(ram: Ram) {
    this.ram = ram;
  }

  /** Address of a symbol that is compared but never read, made at the first request. */
  opaque(name: string): bigint {
    return (this.byName.get(name) ?? this.place(name, OPAQUE_SIZE)).address;
  }

  /** A symbol that is a struct. */
  object(name: string, layout: Layout): Record {
    const { address } = this.byName.get(name) ?? this.place(name, layout.size);
    return new Record(this.ram, layout, Number(address - KERNEL_IMAGE), address);
  }

  /** A symbol that is one 64-bit word. */
  word(name: string, value: bigint): bigint {
    const { address } = this.byName.get(name) ?? this.place(name, 8);
    this.ram.view.setBigUint64(Number(address - KERNEL_IMAGE), value, true);
    return address;
  }

  find(name: string): KernelSymbol | undefined {
    return this.byName.get(name);
  }

  /** The symbol that covers an address. */
  covering(address: bigint): KernelSymbol | undefined {
    this.sorted ??= [...this.byName.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sorted[middle] as KernelSymbol).address <= address) low = middle + 1;
      else high = middle;
    }
    const symbol = this.sorted[low - 1];
    return symbol && address < symbol.address + BigInt(symbol.size) ? symbol : undefined;
  }

  private place(name: string, size: number): KernelSymbol {
    const address = KERNEL_IMAGE + BigInt(this.ram.alloc(size, 64));
    const symbol = { name, address, size };
    this.byName.set(name, symbol);
    this.sorted = undefined;
    return symbol;
  }
}
