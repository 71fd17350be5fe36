/** The two queues of a ring: counters from the kernel's record, entries from the memory that user space shares. */
import type { OverflowEntry, QueueState, RingSetup } from '../state.ts';
import { ofKind } from './census.ts';
import type { RawOverflow } from './raw.ts';
import { type RingUnderDump, SetupFlag } from './rings.ts';

/** Offsets for mmap(2) of a ring. */
const MAP_RINGS = 0;
const MAP_SQES = 0x1000_0000;
const SQE_SIZE = 64;
const CQE_SIZE = 16;

export function queuesOf(ring: RingUnderDump, setup: RingSetup): QueueState {
  const { raw } = ring;
  const sqeSize = (raw.flags & SetupFlag.Sqe128) !== 0 ? 2 * SQE_SIZE : SQE_SIZE;
  const cqeSize = (raw.flags & SetupFlag.Cqe32) !== 0 ? 2 * CQE_SIZE : CQE_SIZE;
  const hasArray = (raw.flags & SetupFlag.NoSqArray) === 0;
  const at = (name: string) => setup.offsets[name] as number;
  const cqesAt = at('cq.cqes');
  const arrayAt = hasArray ? at('sq.array') : 0;
  const size = Math.max(cqesAt + cqeSize * raw.cq_entries, hasArray ? arrayAt + 4 * raw.sq_entries : 0);
  const rings = area(ring, setup, 'rings', size);
  return {
    sqHead: raw.cached_sq_head,
    sqTail: raw.sq_tail,
    cqHead: raw.cq_head,
    cqTail: raw.cached_cq_tail,
    dropped: raw.sq_dropped,
    overflown: raw.cq_overflow,
    cqFlags: raw.cq_flags,
    sqFlags: raw.sq_flags,
    extra: raw.cq_extra >>> 0,
    timeouts: raw.cq_timeouts,
    lastFlush: raw.cq_last_flush,
    drainActive: raw.drain_active !== 0,
    drainNext: raw.drain_next !== 0,
    drainDisabled: raw.drain_disabled !== 0,
    offTimeoutUsed: raw.off_timeout_used !== 0,
    sqArray: hasArray ? rings.slice(arrayAt, arrayAt + 4 * raw.sq_entries) : new Uint8Array(),
    sqes: area(ring, setup, 'sqes', sqeSize * raw.sq_entries),
    cqes: rings.slice(cqesAt, cqesAt + cqeSize * raw.cq_entries),
    overflow: overflowOf(ring),
  };
}

/** Where the members of the shared memory stand: as io_uring_setup tells a new ring of the same shape. */
export function ringOffsets(ring: RingUnderDump): { readonly [name: string]: number } {
  const { sq, cq } = ring.dumper.ringOffsets(ring.raw);
  const named = (prefix: string, offsets: object) =>
    Object.entries(offsets).map(([name, offset]) => [`${prefix}.${name}`, offset as number]);
  return Object.fromEntries([...named('sq', sq), ...named('cq', cq)]);
}

function area(ring: RingUnderDump, setup: RingSetup, which: 'rings' | 'sqes', length: number): Uint8Array {
  const { dumper, holder, subject, refusals } = ring;
  if (setup.userAreas) return dumper.readMemory(holder.tid, setup.userAreas[which], length);
  const offset = which === 'rings' ? MAP_RINGS : MAP_SQES;
  const bytes = dumper.withFd(holder.tid, holder.fd, (fd) => dumper.readMapped(fd, offset, length));
  if (!bytes) refusals.add(26, subject, 'its queues cannot be mapped');
  return bytes ?? new Uint8Array(length);
}

function overflowOf({ programs, choice, raw }: RingUnderDump): OverflowEntry[] {
  const big = (raw.flags & SetupFlag.Cqe32) !== 0;
  return ofKind<RawOverflow>([...programs.runList('dump_overflow', choice)], 'overflow').map((entry) => ({
    userData: entry.user_data,
    result: entry.result,
    flags: entry.flags,
    extra: big ? entry.extra : undefined,
  }));
}
