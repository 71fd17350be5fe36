/** What stands at an address of the modelled kernel, for people. */

import { DIRECT_MAP, PAGE_STRUCT_SIZE, pageFrame, VMEMMAP } from '../../bpf/address.ts';
import { lastIndex } from '../../bpf/last-index.ts';
import type { Record } from '../../kernel-model/record.ts';
import type { Session } from '../session.ts';

export interface AddressName {
  /** "struct file + 0x20, descriptor 3 of task 100" */
  readonly text: string;
  /** Type of the object, and the address where that begins; absent for what is no object. */
  readonly type?: string;
  readonly base?: bigint;
}

const STACK = 512;
const FRAMES = 8;
/** Highest address that may be one of a struct page. */
const VMEMMAP_END = VMEMMAP + 0x100_0000_0000n;

export class AddressNames {
  private readonly session: Session;
  /** End of the main function's stack. */
  private readonly stackEnd: bigint;
  private readonly labels = new Map<bigint, string>();
  /** Ascending. */
  private records: Record[] | undefined;

  constructor(session: Session, stackEnd: bigint) {
    this.session = session;
    this.stackEnd = stackEnd;
    this.label();
  }

  text(address: bigint): string {
    return this.of(address)?.text ?? '';
  }

  of(address: bigint): AddressName | undefined {
    return (
      this.onStack(address) ??
      this.ofMap(address) ??
      this.ofRecord(address) ??
      this.ofSymbol(address) ??
      ofPage(address)
    );
  }

  private onStack(address: bigint): AddressName | undefined {
    const below = this.stackEnd - address;
    if (below < 0n || below > BigInt(STACK * FRAMES)) return undefined;
    const frame = Number((below === 0n ? 0n : below - 1n) / BigInt(STACK));
    const offset = Number(below) - frame * STACK;
    const where = frame === 0 ? '' : ` of frame ${frame}`;
    return { text: `${offset === 0 ? 'fp' : `fp-${offset}`}${where}` };
  }

  private ofMap(address: bigint): AddressName | undefined {
    for (const map of this.session.maps.all) {
      if (map.address === address) return { text: `map ${map.name}`, type: 'struct bpf_map', base: address };
      const first = map.valueAddress(0);
      const size = BigInt(Math.ceil(map.valueSize / 8) * 8 * map.maxEntries);
      if (first !== undefined && address >= first && address < first + size)
        return { text: `value of map ${map.name}${offsetText(address - first)}` };
    }
    return undefined;
  }

  private ofRecord(address: bigint): AddressName | undefined {
    const record = this.covering(address);
    if (!record) return undefined;
    const label = this.labels.get(record.address);
    const type = `struct ${record.layout.name}`;
    const text = `${type}${offsetText(address - record.address)}${label ? `, ${label}` : ''}`;
    return { text, type, base: record.address };
  }

  private ofSymbol(address: bigint): AddressName | undefined {
    const symbol = this.session.machine.symbolAt(address);
    return symbol && { text: `${symbol.name}${offsetText(symbol.offset)}` };
  }

  private covering(address: bigint): Record | undefined {
    if (address < DIRECT_MAP || address >= DIRECT_MAP + 0x1_0000_0000n) return undefined;
    this.records ??= [...this.session.machine.heap.live].sort((a, b) => a.offset - b.offset);
    const { records } = this;
    const record =
      records[lastIndex(records.length, (index) => (records[index] as Record).address <= address)];
    return record && address < record.address + BigInt(record.layout.size + record.extra)
      ? record
      : undefined;
  }

  /** What the objects are called that a scene is written about. */
  private label(): void {
    for (const task of this.session.machine.tasks.all) {
      this.labels.set(task.address, `task ${task.pid} (${task.comm})`);
      if (task.mm) this.labels.set(task.mm.record.address, `memory of task ${task.tgid}`);
      for (let fd = 0; task.files && fd < task.files.maxFds; fd++) {
        const file = task.files.get(fd);
        if (file && !this.labels.has(file.address))
          this.labels.set(file.address, `descriptor ${fd} of task ${task.tgid}`);
      }
    }
  }
}

function ofPage(address: bigint): AddressName | undefined {
  if (address < VMEMMAP || address >= VMEMMAP_END) return undefined;
  const base = address - ((address - VMEMMAP) % BigInt(PAGE_STRUCT_SIZE));
  const text = `struct page${offsetText(address - base)}, frame 0x${pageFrame(base).toString(16)}`;
  return { text, type: 'struct page', base };
}

function offsetText(offset: bigint): string {
  return offset === 0n ? '' : ` + 0x${offset.toString(16)}`;
}
