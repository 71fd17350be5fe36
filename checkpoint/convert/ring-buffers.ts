/** Registered buffers, and the pages of theirs that an address does not lead to. */
import { InputError } from '../../bpf/input-error.ts';
import type { MessageInit, MessageValue, ValueOf } from '../image/index.ts';
import type { BufferState, MappingState, MemoryObject, PageSource, RingState } from '../state.ts';
import { nothingLeft } from './exhaustive.ts';
import type { ImageReader, Place } from './image-reader.ts';
import { indexOf, PAGE_SIZE, smallNumber, wide } from './numbers.ts';
import { shmidOf } from './objects.ts';

type Case = ValueOf<'io_uring_buffer_case'>;
type Buffers = NonNullable<RingState['buffers']>;
type Slot = MessageValue<'io_uring_buffer_entry'>;

const HUGE_SHIFT = 21;
/** Limits of the kernel's. */
const MAX_BUFFERS = 1 << 14;
const MAX_LENGTH = 1 << 30;
/** Of a page that a run names, in empty slots. */
const PAGE_COST = 4;

/** @param mappings of the address space that the buffers are of */
export function bufferEntries(
  buffers: Buffers,
  mappings: readonly MappingState[],
  fileOf: (ring: number) => number,
): MessageInit<'io_uring_buffer_entry'>[] {
  return buffers.flatMap((buffer, index) => {
    if (!buffer) return [];
    const { address, length, tag, lost, huge, cloneOf, ...rest } = buffer;
    nothingLeft(rest);
    const clone = cloneOf && { clone_ring: fileOf(cloneOf.ring), clone_index: cloneOf.index };
    return [
      {
        index,
        addr: address,
        len: wide(length, 'length of a buffer'),
        ...(tag !== 0n && { tag }),
        case: caseOf(buffer, mappings),
        pages: runsOf(lost),
        ...clone,
        ...(huge && { page_shift: HUGE_SHIFT }),
      },
    ];
  });
}

/** Pages that a buffer touches. */
function pageCount(address: bigint, length: number): number {
  const inFirst = Number(address % BigInt(PAGE_SIZE));
  return Math.ceil((inFirst + length) / PAGE_SIZE);
}

/** The cases of restore, by which pages are lost and what is mapped there now. */
function caseOf({ address, length, lost }: BufferState, mappings: readonly MappingState[]): Case {
  if (lost.size === 0) return 'INTACT';
  const start = Number(address - (address % BigInt(PAGE_SIZE)));
  const end = start + pageCount(address, length) * PAGE_SIZE;
  let mapped = 0;
  for (const mapping of mappings) {
    mapped += Math.max(0, Math.min(end, mapping.end) - Math.max(start, mapping.start));
  }
  const all = lost.size * PAGE_SIZE >= end - start;
  if (mapped === 0) return 'ABSENT';
  if (mapped < end - start) return 'SPLIT';
  return all ? 'OCCUPIED' : 'REPLACED';
}

/** Pages in a row whose sources are in a row too. */
function runsOf(lost: BufferState['lost']): MessageInit<'io_uring_pages_entry'>[] {
  const runs: { first: number; count: number; page: bigint; shmid?: bigint }[] = [];
  for (const [first, source] of [...lost].sort(([a], [b]) => a - b)) {
    const [page, shmid] = sourceFields(source);
    const last = runs.at(-1);
    const continues =
      last?.shmid === shmid &&
      last !== undefined &&
      last.first + last.count === first &&
      last.page + BigInt(last.count) === page;
    if (continues) last.count++;
    else runs.push({ first, count: 1, page, ...(shmid !== undefined && { shmid }) });
  }
  return runs;
}

function sourceFields(source: PageSource): [page: bigint, shmid: bigint | undefined] {
  if (source.kind === 'orphan') {
    const { kind: _, orphan, ...rest } = source;
    nothingLeft(rest);
    return [wide(orphan, 'number of an orphan page'), undefined];
  }
  const { kind: _, object, page, ...rest } = source;
  nothingLeft(rest);
  return [wide(page, 'number of a page'), BigInt(shmidOf(object))];
}

/** What buffers refer to. */
export interface BufferTargets {
  readonly objects: readonly MemoryObject[];
  readonly orphans: number;
  /** Index of a ring by the id of its file. */
  readonly rings: ReadonlyMap<number, number>;
  /** Size of each ring's table of buffers. */
  readonly buffers: readonly number[];
}

export function tableSize(count: bigint, limit: number, source: ImageReader, place: Place): number {
  if (count > BigInt(limit)) throw place.wrong(`${count} slots, more than a ring can have`);
  source.expand(Number(count), place);
  return Number(count);
}

/** Of a ring's table, once for all rings before any of them is read: clones refer to them. */
export function bufferCount(count: bigint, source: ImageReader, place: Place): number {
  return tableSize(count, MAX_BUFFERS, source, place);
}

export function buffersOf(
  source: ImageReader,
  count: number,
  slots: readonly Slot[],
  targets: BufferTargets,
  place: Place,
): RingState['buffers'] {
  if (count === 0 && slots.length === 0) return undefined;
  const buffers = new Array<BufferState | undefined>(count).fill(undefined);
  let free = 0;
  for (const [number, slot] of slots.entries()) {
    const at = place.field('buffers', number);
    if (slot.index < free || slot.index >= count)
      throw at.field('index').wrong(`no slot ${slot.index} is next`);
    free = slot.index + 1;
    buffers[slot.index] = bufferOf(source, slot, targets, at);
  }
  return buffers;
}

function bufferOf(source: ImageReader, slot: Slot, targets: BufferTargets, place: Place): BufferState {
  const { addr, len, tag = 0n, pages, page_shift } = slot;
  if (len > MAX_LENGTH) throw place.field('len').wrong(`${len} bytes are more than a buffer has`);
  const length = smallNumber(len, place.field('len'));
  const lost = lostOf(source, pages, pageCount(addr, length), targets, place);
  return {
    address: addr,
    length,
    tag,
    lost,
    huge: page_shift === HUGE_SHIFT,
    cloneOf: cloneOf(slot, targets, place),
  };
}

function cloneOf(
  { clone_ring, clone_index }: Slot,
  targets: BufferTargets,
  place: Place,
): BufferState['cloneOf'] {
  if (clone_ring === undefined) return undefined;
  const ring = targets.rings.get(clone_ring);
  if (ring === undefined) throw place.field('clone_ring').wrong(`there is no ring ${clone_ring}`);
  const index = place.field('clone_index').need(clone_index);
  if (index >= (targets.buffers[ring] ?? 0)) {
    throw place.field('clone_index').wrong(`ring ${clone_ring} has no slot ${index}`);
  }
  return { ring, index };
}

function lostOf(
  source: ImageReader,
  runs: Slot['pages'],
  count: number,
  targets: BufferTargets,
  place: Place,
): Map<number, PageSource> {
  const lost = new Map<number, PageSource>();
  let free = 0;
  for (const [number, run] of runs.entries()) {
    const at = place.field('pages', number);
    if (run.first < free) throw at.field('first').wrong('lies below the end of the run before');
    free = run.first + run.count;
    if (run.count === 0 || free > count) throw at.field('count').wrong(`the buffer has ${count} pages`);
    source.expand(PAGE_COST * run.count, at);
    for (const [i, page] of sourcesOf(run, targets, at).entries()) lost.set(run.first + i, page);
  }
  return lost;
}

function sourcesOf(
  { count, page, shmid }: MessageValue<'io_uring_pages_entry'>,
  { objects, orphans }: BufferTargets,
  place: Place,
): PageSource[] {
  const object =
    shmid === undefined ? -1 : indexOf(shmid, objects.length, place.field('shmid'), 'memory object');
  const pages = shmid === undefined ? BigInt(orphans) : pagesOf(objects[object]);
  if (page + BigInt(count) > pages) throw place.field('page').wrong(`there are ${pages} such pages`);
  const first = smallNumber(page, place.field('page'));
  return Array.from({ length: count }, (_, i) =>
    shmid === undefined ? { kind: 'orphan', orphan: first + i } : { kind: 'object', object, page: first + i },
  );
}

function pagesOf(object: MemoryObject | undefined): bigint {
  return ((object?.size ?? 0n) + BigInt(PAGE_SIZE - 1)) / BigInt(PAGE_SIZE);
}

/** Orphan pages by the addresses that stand for their numbers. */
export function orphanPages(orphans: readonly Uint8Array[]): Map<number, Uint8Array> {
  return new Map(orphans.map((page, index) => [index * PAGE_SIZE, page]));
}

/** @throws {InputError} when some number has no page */
export function orphansOf(
  pages: readonly { readonly address: number; readonly bytes: Uint8Array }[],
  file: string,
) {
  return pages.map(({ address, bytes }, index) => {
    if (address !== index * PAGE_SIZE) throw new InputError(`page ${index} is missing`, { file });
    return bytes;
  });
}
