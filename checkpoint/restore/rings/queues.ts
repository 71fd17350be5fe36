/**
 * The memory that a ring shares with user space, as the restorer sees it: through mappings of its own, or (rings in
 * user memory) through the process's. Loads and stores are no system calls, so nothing is noted.
 */
import { RingMap, Setup } from '../../../kernel-model/io-uring/uapi.ts';
import { MapFlag } from '../../../kernel-model/memory-syscalls.ts';
import { Prot } from '../../../kernel-model/vma.ts';
import { hex } from '../calls.ts';
import type { RingRestore } from './ring.ts';

const SQE_SIZE = 64;
const CQE_SIZE = 16;
/** IORING_SQ_NEED_WAKEUP, IORING_SQ_TASKRUN: requests to user space, which may stand there long after they mattered. */
const REQUESTS = 1 | 4;

/** Words of the shared memory by name, as in RingSetup.offsets. */
export type SharedWord =
  | 'sq.head'
  | 'sq.tail'
  | 'sq.flags'
  | 'sq.dropped'
  | 'cq.head'
  | 'cq.tail'
  | 'cq.overflow'
  | 'cq.flags';

/** A completion as user space reads it. */
export interface Posted {
  readonly userData: bigint;
  readonly result: number;
  readonly flags: number;
}

type Area = 'rings' | 'sqes';

export class SharedQueues {
  private readonly ring: RingRestore;
  /** Address of each area in the restorer, or in the ring's process. */
  private readonly areas: { readonly [area in Area]: number };

  constructor(ring: RingRestore) {
    this.ring = ring;
    const { userAreas } = ring.state.setup;
    const sizes = areaSizes(ring);
    this.areas = userAreas ?? {
      rings: this.map(RingMap.SqRing, sizes.rings),
      sqes: this.map(RingMap.Sqes, sizes.sqes),
    };
  }

  get sqEntries(): number {
    return this.ring.state.setup.sqEntries;
  }

  get cqEntries(): number {
    return this.ring.state.setup.cqEntries;
  }

  get hasArray(): boolean {
    return !this.ring.has(Setup.NoSqArray);
  }

  get(word: SharedWord): number {
    return this.read('rings', this.at(word), 4).getUint32(0, true);
  }

  set(word: SharedWord, value: number): void {
    this.write('rings', this.at(word), u32(value));
  }

  /** Puts an entry behind the tail; `undefined` for the number of an entry that no ring has. */
  push(entry: Uint8Array | undefined): void {
    const tail = this.get('sq.tail');
    const slot = (tail & (this.sqEntries - 1)) >>> 0;
    if (entry) {
      const whole = new Uint8Array(this.sqeSize);
      whole.set(entry);
      this.write('sqes', slot * this.sqeSize, whole);
    }
    if (this.hasArray) this.write('rings', this.at('sq.array') + 4 * slot, u32(entry ? slot : 0xffff_ffff));
    this.set('sq.tail', tail + 1);
  }

  /** Exactly so many completions find room: the kernel must not remember of more than the restore will fill. */
  setRoom(count: number): void {
    this.set('cq.head', this.get('cq.tail') - (this.cqEntries - count));
  }

  /** A completion by its number. */
  completion(number: number): Posted {
    const at = this.at('cq.cqes') + this.cqeSize * ((number & (this.cqEntries - 1)) >>> 0);
    const view = this.read('rings', at, CQE_SIZE);
    return {
      userData: view.getBigUint64(0, true),
      result: view.getInt32(8, true),
      flags: view.getUint32(12, true),
    };
  }

  /** Everything but the counters that the kernel keeps itself, and but the tail of submissions. */
  writeContents(): void {
    const { queues } = this.ring.state;
    this.write('sqes', 0, queues.sqes);
    this.write('rings', this.at('cq.cqes'), queues.cqes);
    if (this.hasArray) this.write('rings', this.at('sq.array'), queues.sqArray);
    this.set('sq.flags', (this.get('sq.flags') & ~REQUESTS) | (queues.sqFlags & REQUESTS));
    this.set('sq.dropped', queues.dropped);
    this.set('cq.overflow', queues.overflown);
    this.set('cq.flags', queues.cqFlags);
    this.set('cq.head', queues.cqHead);
  }

  private get sqeSize(): number {
    return sqeSize(this.ring);
  }

  private get cqeSize(): number {
    return cqeSize(this.ring);
  }

  private at(name: string): number {
    return offsetOf(this.ring, name);
  }

  private map(offset: number, bytes: number): number {
    const { world } = this.ring;
    const { calls } = world;
    const { restorer, machine } = calls;
    const size = Math.ceil(bytes / 4096) * 4096;
    const address = this.ring.withFd(restorer, (fd) => {
      const result = machine.sys.mmap(restorer, 0, size, Prot.Read | Prot.Write, MapFlag.Shared, fd, offset);
      return calls.done(
        restorer,
        'mmap',
        [0, size, 'PROT_READ|PROT_WRITE', 'MAP_SHARED', fd, hex(offset)],
        result,
      );
    });
    world.onEnd(() => {
      calls.done(restorer, 'munmap', [hex(address), size], machine.sys.munmap(restorer, address, size));
    });
    return address;
  }

  private read(area: Area, offset: number, length: number): DataView {
    const { world, state } = this.ring;
    const { machine, restorer } = world.calls;
    const address = this.areas[area] + offset;
    const bytes = state.setup.userAreas
      ? machine.sys.read_mem(restorer, this.ring.user.pid, address, length)
      : restorer.mm?.memory.read(address, length);
    if (!(bytes instanceof Uint8Array) || bytes.length < length)
      return world.calls.fail(`the ${area} at ${hex(address)} cannot be read`);
    return new DataView(bytes.buffer, bytes.byteOffset, length);
  }

  private write(area: Area, offset: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { world, state } = this.ring;
    const { machine, restorer } = world.calls;
    const address = this.areas[area] + offset;
    const written = state.setup.userAreas
      ? machine.sys.write_mem(restorer, this.ring.user.pid, address, bytes) === bytes.length
      : restorer.mm?.memory.write(address, bytes);
    if (!written) world.calls.fail(`the ${area} at ${hex(address)} cannot be written`);
  }
}

/** Bytes of the two areas. */
export function areaSizes(ring: RingRestore): { readonly [area in Area]: number } {
  const { sqEntries, cqEntries } = ring.state.setup;
  const entries = offsetOf(ring, 'cq.cqes') + cqeSize(ring) * cqEntries;
  const array = ring.has(Setup.NoSqArray) ? 0 : offsetOf(ring, 'sq.array') + 4 * sqEntries;
  return { rings: Math.max(entries, array), sqes: sqeSize(ring) * sqEntries };
}

function sqeSize(ring: RingRestore): number {
  return ring.has(Setup.Sqe128) ? 2 * SQE_SIZE : SQE_SIZE;
}

function cqeSize(ring: RingRestore): number {
  return ring.has(Setup.Cqe32) ? 2 * CQE_SIZE : CQE_SIZE;
}

function offsetOf(ring: RingRestore, name: string): number {
  return ring.state.setup.offsets[name] ?? ring.refuse(10, `nothing says where ${name} stands`);
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value >>> 0, true);
  return bytes;
}
