/** Address spaces: their mappings and the pages that each has of its own. */
import { InputError } from '../../bpf/input-error.ts';
import type { EntryInit, MessageInit, MessageValue } from '../image/index.ts';
import type { CheckpointState, FileState, MappingState, MemoryObject, MmState } from '../state.ts';
import type { AddedFiles } from './added-files.ts';
import { nothingLeft } from './exhaustive.ts';
import { type ImageReader, Place } from './image-reader.ts';
import type { ImageWriter } from './image-writer.ts';
import { idOf, indexOf, PAGE_SIZE, smallNumber, wide } from './numbers.ts';
import { shmidOf } from './objects.ts';
import { type PageAt, readPages, writePages } from './pages.ts';
import { adviceOf, type Behind, MapBit, mapFlagsOf, protOf, Status, statusOf } from './vma-flags.ts';

/** Names of a state's bounds, which are those of CRIU's fields without their prefix. */
const BOUNDS = [
  'start_code',
  'end_code',
  'start_data',
  'end_data',
  'start_stack',
  'start_brk',
  'brk',
  'arg_start',
  'arg_end',
  'env_start',
  'env_end',
] as const;

type Bound = (typeof BOUNDS)[number];

/** The kernel's own flags, mapping by mapping. */
export function mmExtra({ mappings }: MmState, index: number): MessageInit<'drydock_mm_entry'> {
  const vm_flags = mappings.map(({ flags }) => wide(flags, 'flags of a mapping'));
  return { vm_id: idOf(index), vm_flags };
}

/** mm-TID.img and the pages, by the first task that has the address space: CRIU writes them by process. */
export function writeMms(state: CheckpointState, added: AddedFiles, out: ImageWriter): void {
  for (const [index, mm] of state.mms.entries()) {
    const owner = state.tasks.find((task) => task.mm === index);
    if (!owner) throw new InputError(`address space ${index} is no task's`);
    out.put('MM', `mm-${owner.tid}.img`, [mmEntry(state, added, mm)]);
    const pages = mm.mappings.flatMap((mapping) => [...mapping.pages]);
    writePages(out, `pagemap-${owner.tid}.img`, new Map(pages));
  }
}

function mmEntry(state: CheckpointState, added: AddedFiles, mm: MmState): EntryInit<'MM'> {
  const { bounds, mappings, ...rest } = mm;
  nothingLeft(rest);
  const at = (name: Bound) => bounds[name] ?? 0n;
  return {
    mm_start_code: at('start_code'),
    mm_end_code: at('end_code'),
    mm_start_data: at('start_data'),
    mm_end_data: at('end_data'),
    mm_start_stack: at('start_stack'),
    mm_start_brk: at('start_brk'),
    mm_brk: at('brk'),
    mm_arg_start: at('arg_start'),
    mm_arg_end: at('arg_end'),
    mm_env_start: at('env_start'),
    mm_env_end: at('env_end'),
    exe_file_id: added.executable(state, mm),
    vmas: mappings.map((mapping) => vmaEntry(state, added, mm, mapping)),
  };
}

function vmaEntry(
  state: CheckpointState,
  added: AddedFiles,
  mm: MmState,
  mapping: MappingState,
): MessageInit<'vma_entry'> {
  const { start, end, flags, offset, backing, pages: _, ...rest } = mapping;
  nothingLeft(rest);
  const [behind, shmid] = sourceOf(state, added, backing);
  const madv = adviceOf(flags);
  return {
    start: wide(start, 'start of a mapping'),
    end: wide(end, 'end of a mapping'),
    pgoff: wide(offset, 'offset of a mapping') * BigInt(PAGE_SIZE),
    shmid: BigInt(shmid),
    prot: protOf(flags),
    flags: mapFlagsOf(flags, behind),
    status: statusOf(mapping, behind, mm),
    fd: -1n,
    ...(madv !== undefined && { madv }),
  };
}

/** What is mapped, and by which id CRIU names it: files and memfds by the file's, shared memory by its own. */
function sourceOf(
  { files, objects }: CheckpointState,
  added: AddedFiles,
  backing: MappingState['backing'],
): [Behind, number] {
  switch (backing.kind) {
    case 'anonymous':
    case 'huge':
      return [backing.kind, 0];
    case 'file':
      return [files[backing.file]?.kind === 'io_uring' ? 'ring' : 'file', idOf(backing.file)];
    case 'object': {
      const { object } = backing;
      const kind = objects[object]?.kind;
      if (kind === 'memfd') return ['memfd', added.memfd(object)];
      return [kind === 'huge' ? 'shared huge' : 'shared', shmidOf(object)];
    }
  }
}

/** What mappings refer to. */
export interface MappedThings {
  readonly files: readonly FileState[];
  readonly objects: readonly MemoryObject[];
  /** The object that a file is, by the file's id; also of files that are there for mappings alone. */
  readonly memfds: ReadonlyMap<number, number>;
}

/** @param owners the task that each address space's images are named by */
export function readMms(
  source: ImageReader,
  extras: readonly MessageValue<'drydock_mm_entry'>[],
  place: Place,
  owners: readonly number[],
  things: MappedThings,
): MmState[] {
  if (extras.length !== owners.length) {
    throw place.field('mms').wrong(`${extras.length} address spaces, where tasks have ${owners.length}`);
  }
  return owners.map((tid, index) => {
    const { vm_flags } = extras[index] as MessageValue<'drydock_mm_entry'>;
    return readMm(source, tid, vm_flags, things);
  });
}

function readMm(source: ImageReader, tid: number, flags: readonly bigint[], things: MappedThings): MmState {
  const file = `mm-${tid}.img`;
  const entry = source.only('MM', file);
  const place = Place.entry(file, 0);
  if (flags.length !== entry.vmas.length) {
    throw place.field('vmas').wrong(`${entry.vmas.length} mappings, and flags of ${flags.length}`);
  }
  const bounds = Object.fromEntries(BOUNDS.map((name) => [name, entry[`mm_${name}`]]));
  let free = 0;
  const mappings = entry.vmas.map((vma, index) => {
    const at = place.field('vmas', index);
    const mapping = mappingOf(vma, smallNumber(flags[index] ?? 0n, at.field('flags')), at, things);
    if (mapping.start < free) throw at.field('start').wrong('lies below the end of the mapping before');
    free = mapping.end;
    return mapping;
  });
  placePages(mappings, readPages(source, `pagemap-${tid}.img`));
  return { bounds, mappings };
}

type FilledMapping = MappingState & { readonly pages: Map<number, Uint8Array> };

function mappingOf(
  vma: MessageValue<'vma_entry'>,
  flags: number,
  place: Place,
  things: MappedThings,
): FilledMapping {
  const start = pageAddress(vma.start, place.field('start'));
  const end = pageAddress(vma.end, place.field('end'));
  if (end <= start) throw place.field('end').wrong('is not above the start');
  const offset = pageAddress(vma.pgoff, place.field('pgoff')) / PAGE_SIZE;
  return { start, end, flags, offset, backing: backingOf(vma, place, things), pages: new Map() };
}

function pageAddress(value: bigint, place: Place): number {
  const address = smallNumber(value, place);
  if (address % PAGE_SIZE !== 0) throw place.wrong('is no multiple of a page');
  return address;
}

/** Only what decides; that all the rest agrees is seen when the state is written again. */
function backingOf(
  { status, flags, shmid }: MessageValue<'vma_entry'>,
  place: Place,
  { files, objects, memfds }: MappedThings,
): MappingState['backing'] {
  const at = place.field('shmid');
  if ((status & Status.Memfd) !== 0) {
    const object = memfds.get(Number(shmid));
    if (object === undefined) throw at.wrong(`file ${shmid} is no memfd`);
    return { kind: 'object', object };
  }
  if ((status & (Status.FilePrivate | Status.FileShared)) !== 0) {
    return { kind: 'file', file: indexOf(shmid, files.length, at, 'file') };
  }
  if ((status & Status.AnonShared) !== 0) {
    return { kind: 'object', object: indexOf(shmid, objects.length, at, 'memory object') };
  }
  return { kind: (flags & MapBit.HugeTlb) !== 0 ? 'huge' : 'anonymous' };
}

/** Both ascend. */
function placePages(mappings: readonly FilledMapping[], pages: readonly PageAt[]): void {
  let next = 0;
  for (const { address, bytes, place } of pages) {
    while ((mappings[next]?.end ?? Number.POSITIVE_INFINITY) <= address) next++;
    const mapping = mappings[next];
    if (!mapping || address < mapping.start) {
      throw place.field('vaddr').wrong(`nothing is mapped at 0x${address.toString(16)}`);
    }
    mapping.pages.set(address, bytes);
  }
}
