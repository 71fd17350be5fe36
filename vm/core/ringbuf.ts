// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/**
 * Ring buffers (kernel docs, bpf/ringbuf.rst): the program produces, the host consumes; and user ring
 * buffers, where it is the other way round.
 *
 * A record is an 8-byte header (u32 length with two flag bits, u32 the map's slot) and the sample, rounded up
 * to 8. Linux maps the data area twice in a row so that a record that wraps is contiguous; here the area is
 * followed by as much spare room, and such a record simply runs on into it.
 */
import { Errno } from '../../bpf/errno.ts';
import { ramAlloc, ramFree } from './heap.ts';
import { MapRecord, MapType, mapInSlot } from './map.ts';
import { toAddress, translate } from './ram.ts';

const BUSY: u32 = 0x8000_0000;
const DISCARDED: u32 = 0x4000_0000;
const HEADER: u32 = 8;
/** Longest sample. */
export const RINGBUF_MAX_SAMPLE: u32 = 0x3fff_ffff;
/** Room for a struct bpf_dynptr_kern behind the data: what a drain's callback gets. */
const DYNPTR_CELL: u32 = 16;

/** BPF_RB_* flags of output, submit and discard. */
const enum WakeupFlag {
  NoWakeup = 1,
  ForceWakeup = 2,
  All = 3,
}

/** BPF_RB_* of bpf_ringbuf_query. */
const enum Query {
  AvailableData = 0,
  RingSize = 1,
  ConsumerPosition = 2,
  ProducerPosition = 3,
}

/** Data area of max_entries bytes; 0 or -ENOMEM. `head` is the producer's position, `tail` the consumer's. */
export function ringbufInit(map: MapRecord): i32 {
  if (map.maxEntries > 0x4000_0000) return -Errno.ENOMEM;
  map.dataSize = 2 * map.maxEntries + DYNPTR_CELL;
  map.data = ramAlloc(map.dataSize, 4096);
  return map.data === 0 ? -Errno.ENOMEM : 0;
}

export function ringbufFree(map: MapRecord): void {
  ramFree(map.data, map.dataSize);
}

/** Linear offset of a new sample; 0 when it does not fit. */
export function ringbufReserve(map: MapRecord, size: u64): u32 {
  if (size > RINGBUF_MAX_SAMPLE) return 0;
  const total = recordSize(<u32>size);
  if (total > map.maxEntries || map.head + total - map.tail > map.maxEntries - 1) return 0;
  const header = recordAt(map, map.head);
  store<u32>(header, <u32>size | BUSY);
  store<u32>(header, map.slot, 4);
  map.head += total;
  return header + HEADER;
}

/** Hands a reserved sample to the consumer, or drops it; false when the address is not one of a sample. */
export function ringbufCommit(sample: u64, discard: bool): bool {
  const header = translate(sample - HEADER, HEADER, true);
  if (header === 0) return false;
  const map = mapInSlot(load<u32>(header, 4));
  if (map === null || map.type !== MapType.Ringbuf) return false;
  const offset = header - map.data;
  if (header < map.data || offset >= map.maxEntries || (offset & 7) !== 0) return false;
  const length = load<u32>(header);
  if ((length & BUSY) === 0) return false;
  store<u32>(header, (length & ~BUSY) | (discard ? DISCARDED : 0));
  return true;
}

/** bpf_ringbuf_output: 0, -EINVAL (flags), -EAGAIN (no room). */
export function ringbufOutput(map: MapRecord, data: u32, size: u64, flags: u64): i32 {
  if ((flags & ~WakeupFlag.All) !== 0) return -Errno.EINVAL;
  const sample = ringbufReserve(map, size);
  if (sample === 0) return -Errno.EAGAIN;
  memory.copy(sample, data, <u32>size);
  ringbufCommit(toAddress(sample), false);
  return 0;
}

/** bpf_ringbuf_query: 0 for an unknown question. */
export function ringbufQuery(map: MapRecord, question: u64): u64 {
  if (question === Query.AvailableData) return map.head - map.tail;
  if (question === Query.RingSize) return map.maxEntries;
  if (question === Query.ConsumerPosition) return map.tail;
  if (question === Query.ProducerPosition) return map.head;
  return 0;
}

/** Length of the sample that `ringbufConsume` found. */
export let sampleLength: u32 = 0;

/**
 * Consumer: linear offset of the oldest committed sample, which is given back at the same time (its bytes
 * stay until the program produces more); 0 when there is none. Discarded samples are skipped.
 */
export function ringbufConsume(map: MapRecord): u32 {
  while (map.tail < map.head) {
    const header = recordAt(map, map.tail);
    const length = load<u32>(header);
    if ((length & BUSY) !== 0) return 0;
    sampleLength = length & ~DISCARDED;
    const total = recordSize(sampleLength);
    // A program that overwrote the header must not send the consumer astray.
    if (total > map.head - map.tail) return 0;
    map.tail += total;
    if ((length & DISCARDED) === 0) return header + HEADER;
  }
  return 0;
}

/** Host side of a user ring buffer: linear offset for a sample of this size; 0 when it does not fit. */
export function userRingbufProduce(map: MapRecord, size: u32): u32 {
  const sample = ringbufReserve(map, size);
  if (sample !== 0) store<u32>(sample - HEADER, size);
  return sample;
}

/**
 * Program side: linear offset of the oldest sample, kept until `userRingbufRelease`; 0 when there is none.
 */
export function userRingbufPeek(map: MapRecord): u32 {
  if (map.tail >= map.head) return 0;
  const header = recordAt(map, map.tail);
  const length = load<u32>(header) & ~(BUSY | DISCARDED);
  if (recordSize(length) > map.head - map.tail) return 0;
  sampleLength = length;
  return header + HEADER;
}

export function userRingbufRelease(map: MapRecord): void {
  const length = load<u32>(recordAt(map, map.tail)) & ~(BUSY | DISCARDED);
  map.tail += recordSize(length);
  if (map.tail > map.head) map.tail = map.head;
}

/** Where a drain's callback finds its dynptr. */
export function userRingbufDynptr(map: MapRecord): u32 {
  return map.data + 2 * map.maxEntries;
}

function recordSize(sample: u32): u32 {
  return (sample + HEADER + 7) & ~7;
}

function recordAt(map: MapRecord, position: u64): u32 {
  return map.data + (<u32>position & (map.maxEntries - 1));
}
