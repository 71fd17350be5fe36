/** What is registered with a ring besides buffers. */
import type { MessageInit, MessageValue } from '../image/index.ts';
import type {
  BufferGroup,
  CredState,
  FileTableState,
  RestrictionState,
  RingState,
  TaskState,
} from '../state.ts';
import { credIndex, credsEntry } from './creds.ts';
import { nothingLeft } from './exhaustive.ts';
import type { ImageReader, Place } from './image-reader.ts';
import { bitsOf, idOf, indexOf, setOf, smallNumber, wide } from './numbers.ts';
import { tableSize } from './ring-buffers.ts';

/** IORING_MAX_FIXED_FILES */
const MAX_FILES = 1 << 20;
/** IOU_PBUF_RING_* */
const PBUF_MMAP = 1;
const PBUF_INC = 2;
const BUF_SIZE = 16;

/** @param isOpen whether some descriptor refers to a file */
export function fileTableEntry(
  { slots, allocation, ...rest }: FileTableState,
  isOpen: (file: number) => boolean,
): MessageInit<'io_uring_files_entry'> {
  nothingLeft(rest);
  return {
    slots: slots.flatMap((slot, index) => {
      if (!slot) return [];
      const { file, tag, ...others } = slot;
      nothingLeft(others);
      const direct = isOpen(file) ? {} : { direct: true };
      return [{ index, file_id: idOf(file), ...(tag !== 0n && { tag }), ...direct }];
    }),
    ...(allocation && allocationFields(allocation)),
  };
}

function allocationFields({ start, end, hint, ...rest }: NonNullable<FileTableState['allocation']>) {
  nothingLeft(rest);
  return { alloc_off: start, alloc_len: end - start, alloc_hint: hint };
}

export function fileTableOf(
  source: ImageReader,
  entry: MessageValue<'io_uring_file_entry'>,
  files: number,
  place: Place,
): FileTableState | undefined {
  const size = tableSize(entry.nr_user_files, MAX_FILES, source, place.field('nr_user_files'));
  if (!entry.files) return undefined;
  const at = place.field('files');
  const slots = new Array<FileTableState['slots'][number]>(size).fill(undefined);
  let free = 0;
  for (const [number, { index, file_id, tag = 0n }] of entry.files.slots.entries()) {
    const slot = at.field('slots', number);
    if (index < free || index >= size) throw slot.field('index').wrong(`no slot ${index} is next`);
    free = index + 1;
    slots[index] = { file: indexOf(file_id, files, slot.field('file_id'), 'file'), tag };
  }
  return { slots, allocation: allocationOf(entry.files, at) };
}

function allocationOf(
  { alloc_off, alloc_len, alloc_hint }: MessageValue<'io_uring_files_entry'>,
  place: Place,
): FileTableState['allocation'] {
  if (alloc_off === undefined) return undefined;
  const end = alloc_off + place.field('alloc_len').need(alloc_len);
  return { start: alloc_off, end, hint: place.field('alloc_hint').need(alloc_hint) };
}

export function personalityEntries(
  { ids }: RingState['personalities'],
  creds: readonly CredState[],
): MessageInit<'io_uring_personality_entry'>[] {
  return ids.flatMap(({ id, cred, ...rest }) => {
    nothingLeft(rest);
    const state = creds[cred];
    return state ? [{ id, creds: credsEntry(state, cred) }] : [];
  });
}

export function personalitiesOf(
  { personalities, pers_next }: MessageValue<'io_uring_file_entry'>,
  creds: number,
  place: Place,
): RingState['personalities'] {
  let free = 0;
  const ids = personalities.map((entry, index) => {
    const at = place.field('personalities', index);
    if (entry.id < free) throw at.field('id').wrong(`${entry.id} does not come after the one before`);
    free = entry.id + 1;
    return { id: entry.id, cred: credIndex(entry.creds, creds, at.field('creds')) };
  });
  return { next: place.field('pers_next').need(pers_next), ids };
}

/** Fields that CRIU's work on io_uring had; bitmaps by their first word only. */
export function plainRestrictions(restrictions: RestrictionState | undefined) {
  const { registerOps = 0n, submitOps = 0n, flagsAllowed = 0, flagsRequired = 0 } = restrictions ?? {};
  return {
    restrictions: restrictions !== undefined,
    reg_op: Number(BigInt.asUintN(32, registerOps)),
    sqe_op: Number(BigInt.asUintN(32, submitOps)),
    sqe_flags_allowed: flagsAllowed,
    sqe_flags_required: flagsRequired,
  };
}

export function restrictionEntry(state: RestrictionState): MessageInit<'io_uring_restriction_entry'> {
  const { registerOps, submitOps, flagsAllowed, flagsRequired, enforced, ...rest } = state;
  nothingLeft(rest);
  return {
    register_ops: bitsOf(registerOps),
    sqe_ops: bitsOf(submitOps),
    sqe_flags_allowed: flagsAllowed,
    sqe_flags_required: flagsRequired,
    registered: true,
    restricted: enforced,
  };
}

export function restrictionsOf(
  entry: MessageValue<'io_uring_restriction_entry'>,
  place: Place,
): RestrictionState {
  return {
    registerOps: setOf(entry.register_ops, place.field('register_ops')),
    submitOps: setOf(entry.sqe_ops, place.field('sqe_ops')),
    flagsAllowed: entry.sqe_flags_allowed,
    flagsRequired: entry.sqe_flags_required,
    enforced: entry.restricted,
  };
}

type GroupFields = Pick<MessageInit<'io_uring_file_entry'>, 'pbuf_rings' | 'pbuf_groups'>;

export function groupFields(groups: readonly BufferGroup[]): GroupFields {
  const pbuf_rings: MessageInit<'io_uring_pbuf_ring_entry'>[] = [];
  const pbuf_groups: MessageInit<'io_uring_pbuf_group_entry'>[] = [];
  for (const group of groups) {
    if (group.kind === 'ring') pbuf_rings.push(ringGroupEntry(group));
    else {
      const { kind: _, id, buffers, ...rest } = group;
      nothingLeft(rest);
      pbuf_groups.push({ bgid: id, buffers: buffers.map(providedEntry) });
    }
  }
  return { pbuf_rings, pbuf_groups };
}

type RingGroup = Extract<BufferGroup, { kind: 'ring' }>;
type Provided = Extract<BufferGroup, { kind: 'list' }>['buffers'][number];

function providedEntry({ address, length, id, ...rest }: Provided) {
  nothingLeft(rest);
  return { addr: address, len: length, bid: id };
}

function ringGroupEntry(group: RingGroup): MessageInit<'io_uring_pbuf_ring_entry'> {
  const { kind: _, id, entries, address, content, head, incremental, minLeft, ...rest } = group;
  nothingLeft(rest);
  return {
    bgid: id,
    entries,
    flags: (address === undefined ? PBUF_MMAP : 0) | (incremental ? PBUF_INC : 0),
    ...(minLeft !== 0 && { min_left: minLeft }),
    head,
    ...(address !== undefined && { addr: wide(address, 'address of a buffer group') }),
    ...(content && { content }),
  };
}

/** By id, as the kernel keeps them. */
export function groupsOf(entry: MessageValue<'io_uring_file_entry'>, place: Place): BufferGroup[] {
  const lists = entry.pbuf_groups.map(({ bgid, buffers }): BufferGroup => {
    return {
      kind: 'list',
      id: bgid,
      buffers: buffers.map(({ addr, len, bid }) => ({ address: addr, length: len, id: bid })),
    };
  });
  const rings = entry.pbuf_rings.map((group, index) => ringGroupOf(group, place.field('pbuf_rings', index)));
  const groups = [...lists, ...rings].sort((a, b) => a.id - b.id);
  for (const [index, { id }] of groups.entries()) {
    if (groups[index + 1]?.id === id) throw place.field('pbuf_groups').wrong(`there are two groups ${id}`);
  }
  return groups;
}

function ringGroupOf(entry: MessageValue<'io_uring_pbuf_ring_entry'>, place: Place): RingGroup {
  const { bgid, entries, flags, min_left = 0, head, addr, content } = entry;
  if (content && content.length !== BUF_SIZE * entries) {
    throw place
      .field('content')
      .wrong(`${content.length} bytes, where ${entries} buffers have ${BUF_SIZE * entries}`);
  }
  return {
    kind: 'ring',
    id: bgid,
    entries,
    address: addr === undefined ? undefined : smallNumber(addr, place.field('addr')),
    content,
    head,
    incremental: (flags & PBUF_INC) !== 0,
    minLeft: min_left,
  };
}

export function workerLimitsEntry([bounded, unbounded]: NonNullable<RingState['workerLimits']>) {
  return { bounded, unbounded, limits_set: true };
}

export function workersEntry({ limits, cpus, ...rest }: NonNullable<TaskState['workers']>) {
  nothingLeft(rest);
  const [bounded, unbounded] = limits;
  return { bounded, unbounded, cpus: bitsOf(cpus) };
}

export function limitsOf(
  { bounded, unbounded }: MessageValue<'io_uring_iowq_entry'>,
  place: Place,
): [number, number] {
  return [place.field('bounded').need(bounded), place.field('unbounded').need(unbounded)];
}
