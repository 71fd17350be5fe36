/** Address spaces: mappings with the private pages behind them, and the memory objects that several of them show. */
import type { MappingState, MemoryObject, MmState } from '../state.ts';
import type { Census } from './census.ts';
import { type Dumper, pagesOf } from './dumper.ts';
import { type Files, rawPath } from './files.ts';
import type { RawFile, RawVma } from './raw.ts';
import type { Refusals } from './refusal.ts';

const PAGE_SIZE = 4096;
/** High words of a pagemap entry: present, of a file or shared; the frame is in the low 55 bits. */
const PRESENT = 0x8000_0000;
const SHARED = 0x2000_0000;
const FRAME_HIGH = 0x7f_ffff;

/** VM_* */
const VM_SHARED = 0x8;
const VM_HUGETLB = 0x40_0000;
/** Pages of a device; a ring's memory is one. */
const VM_SPECIAL = 0x4_4400;

/** Where a frame is seen. */
export interface FramePlace {
  /** Address of the mm's record. */
  readonly mm: bigint;
  readonly address: number;
  /** Page of a shared object; undefined for private memory. */
  readonly object: ObjectPage | undefined;
}

export interface ObjectPage {
  readonly id: number;
  readonly page: number;
}

interface Shared {
  readonly inode: bigint;
  readonly kind: MemoryObject['kind'];
  readonly file: RawFile;
  /** A mapping of it, to open it by; or a descriptor. */
  readonly vma: RawVma | undefined;
}

const BOUNDS = [
  'start_code',
  'end_code',
  'start_data',
  'end_data',
  'start_brk',
  'brk',
  'start_stack',
  'arg_start',
  'arg_end',
  'env_start',
  'env_end',
] as const;

export class MemoryDump {
  private readonly census: Census;
  private readonly dumper: Dumper;
  private readonly files: Files;
  private readonly refusals: Refusals;
  private readonly shared: Shared[] = [];
  private readonly mmIds = new Map<bigint, number>();
  private readonly places = new Map<number, FramePlace[]>();
  private readonly states: MmState[] = [];
  private objectFrames: Map<number, ObjectPage> | undefined;

  constructor(census: Census, dumper: Dumper, files: Files, refusals: Refusals) {
    this.census = census;
    this.dumper = dumper;
    this.files = files;
    this.refusals = refusals;
    for (const task of census.tasks) {
      if (task.mm === 0n || this.mmIds.has(task.mm)) continue;
      this.mmIds.set(task.mm, this.mmIds.size);
      this.states.push(this.mmOf(task.mm, task.tid));
    }
  }

  get mms(): readonly MmState[] {
    return this.states;
  }

  /** Id of an address space by the address of its record. */
  mm(address: bigint): number | undefined {
    return this.mmIds.get(address);
  }

  /** Id of the object that a memory file is. */
  objectOf(file: RawFile, vma?: RawVma): number | undefined {
    const kind = memoryKind(file);
    if (!kind) return undefined;
    const known = this.shared.findIndex(({ inode }) => inode === file.inode);
    if (known >= 0) return known;
    this.shared.push({ inode: file.inode, kind, file, vma });
    return this.shared.length - 1;
  }

  /** Where an address space shows a frame: pages of rings and buffer rings have no address of their own. */
  addressOf(frame: number, mm: bigint): number | undefined {
    return this.places.get(frame)?.find((place) => place.mm === mm)?.address;
  }

  /** Whether an address is mapped with huge pages. */
  isHuge(mm: bigint, address: number): boolean {
    const id = this.mmIds.get(mm);
    const mapping = id === undefined ? undefined : this.states[id]?.mappings.find(({ end }) => end > address);
    return mapping !== undefined && mapping.start <= address && (mapping.flags & VM_HUGETLB) !== 0;
  }

  /** The shared object that a frame belongs to, whether or not anybody has looked at it there. */
  objectAt(frame: number): ObjectPage | undefined {
    const shown = this.places.get(frame)?.find(({ object }) => object !== undefined)?.object;
    if (shown) return shown;
    this.objectFrames ??= this.framesOfObjects();
    return this.objectFrames.get(frame);
  }

  /** Whether a frame is private memory of somebody. */
  isPrivate(frame: number): boolean {
    return this.places.get(frame)?.some(({ object }) => object === undefined) ?? false;
  }

  /** Read last, when all objects are known. */
  objects(): MemoryObject[] {
    return this.shared.map((shared) => {
      const { kind, file } = shared;
      const open = this.opener(shared);
      if (!open) this.refusals.add(52, nameOf(file), 'has no descriptor and no mapping to look into it by');
      const pages = open ? this.dumper.readPages(open, Number(file.size), nameOf(file)) : new Map();
      const name = /^\/memfd:(.*) \(deleted\)$/.exec(rawPath(file))?.[1];
      return { kind, size: file.size, pages, ...(name === undefined ? {} : { name }) };
    });
  }

  /** Undefined for an object that only a table of registered files leads to. */
  private opener({ file, vma }: Shared): (() => number) | undefined {
    const holder = this.census.holders.get(file.file);
    if (holder) return () => this.dumper.openFd(holder.tid, holder.fd);
    return vma && (() => this.dumper.openMapping(vma.tid, Number(vma.start), Number(vma.end)));
  }

  /** The dumper maps all objects itself: a process need not have touched what it has mapped. */
  private framesOfObjects(): Map<number, ObjectPage> {
    for (let id = 0; id < this.files.size; id++) {
      const raw = this.files.raw(id);
      if ('what' in raw) this.objectOf(raw);
    }
    const frames = new Map<number, ObjectPage>();
    for (const [id, shared] of this.shared.entries()) {
      const { file } = shared;
      const open = this.opener(shared);
      if (!open) continue;
      const found = this.dumper.framesOf(open, Number(file.size), nameOf(file));
      for (const [frame, page] of found) frames.set(frame, { id, page });
    }
    return frames;
  }

  private mmOf(mm: bigint, tid: number): MmState {
    const raw = this.census.mms.get(mm);
    const bounds = Object.fromEntries(
      BOUNDS.map((name) => [name, (raw?.[name] as bigint | undefined) ?? 0n]),
    );
    const mappings: MappingState[] = [];
    for (const vma of this.census.vmas) if (vma.mm === mm) mappings.push(this.mappingOf(vma, tid));
    return { bounds, mappings: joined(mappings) };
  }

  private mappingOf(vma: RawVma, tid: number): MappingState {
    const start = Number(vma.start);
    const end = Number(vma.end);
    const flags = Number(vma.flags);
    const backing = this.backingOf(vma, flags);
    const known = {
      start,
      end,
      flags,
      offset: backing.kind === 'anonymous' || backing.kind === 'huge' ? 0 : Number(vma.offset),
      backing,
    };
    if ((flags & VM_SPECIAL) === VM_SPECIAL) return { ...known, pages: new Map() };
    const { kind } = backing;
    const object = kind === 'object' ? { id: backing.object, first: Number(vma.offset) } : undefined;
    const isPrivate = (flags & VM_SHARED) === 0;
    return { ...known, pages: this.pagesOf(vma, tid, isPrivate, object) };
  }

  private backingOf(vma: RawVma, flags: number): MappingState['backing'] {
    if (vma.file === 0n) return { kind: 'anonymous' };
    const file = this.census.files.get(vma.file) as RawFile;
    if ((flags & VM_HUGETLB) !== 0 && (flags & VM_SHARED) === 0 && !rawPath(file).startsWith('/memfd:'))
      return { kind: 'huge' };
    const object = this.objectOf(file, vma);
    if (object !== undefined) return { kind: 'object', object };
    const id = this.files.id(vma.file);
    if (id === undefined) {
      const where = `mapping 0x${vma.start.toString(16)} of process ${vma.tgid}`;
      this.refusals.add(undefined, where, `maps ${rawPath(file) || 'a file'}, which cannot be opened again`);
      return { kind: 'anonymous' };
    }
    return { kind: 'file', file: id };
  }

  /** Notes the frames of a mapping, and reads the private pages in it. */
  private pagesOf(
    vma: RawVma,
    tid: number,
    isPrivate: boolean,
    object: { readonly id: number; readonly first: number } | undefined,
  ): Map<number, Uint8Array> {
    const start = Number(vma.start);
    const end = Number(vma.end);
    const words = this.dumper.pagemap(tid, start, end);
    const halves = new Uint32Array(words.buffer, words.byteOffset, 2 * words.length);
    const pages = new Map<number, Uint8Array>();
    for (let i = 0; i < words.length; i++) {
      const high = halves[2 * i + 1] as number;
      if ((high & PRESENT) === 0) continue;
      const address = start + i * PAGE_SIZE;
      const shows = object && (high & SHARED) !== 0;
      this.note((halves[2 * i] as number) + (high & FRAME_HIGH) * 2 ** 32, {
        mm: vma.mm,
        address,
        object: shows ? { id: object.id, page: object.first + i } : undefined,
      });
      if (!isPrivate || (high & SHARED) !== 0) continue;
      const bytes = this.dumper.readMemory(tid, address, PAGE_SIZE);
      for (const [, page] of pagesOf(bytes)) pages.set(address, page);
    }
    return pages;
  }

  private note(frame: number, place: FramePlace): void {
    const known = this.places.get(frame);
    if (known) known.push(place);
    else this.places.set(frame, [place]);
  }
}

function nameOf({ ino }: RawFile): string {
  return `shared memory of inode ${ino}`;
}

/** What kind of memory an open file is; undefined for files of a file system and everything else. */
function memoryKind(file: RawFile): MemoryObject['kind'] | undefined {
  const path = rawPath(file);
  if (path.startsWith('/memfd:')) return 'memfd';
  if (path === '/dev/zero (deleted)') return 'shared';
  return path === '/anon_hugepage (deleted)' ? 'huge' : undefined;
}

/** Mappings that touch and continue each other are one, whatever the kernel has kept apart. */
function joined(mappings: readonly MappingState[]): MappingState[] {
  const result: MappingState[] = [];
  for (const next of mappings) {
    const last = result.at(-1);
    if (!last || !continues(last, next)) {
      result.push(next);
      continue;
    }
    result[result.length - 1] = { ...last, end: next.end, pages: new Map([...last.pages, ...next.pages]) };
  }
  return result;
}

function continues(a: MappingState, b: MappingState): boolean {
  if (a.end !== b.start || a.flags !== b.flags || a.backing.kind !== b.backing.kind) return false;
  if ((a.flags & VM_SPECIAL) === VM_SPECIAL) return false;
  if (JSON.stringify(a.backing) !== JSON.stringify(b.backing)) return false;
  const { kind } = a.backing;
  return kind === 'anonymous' || kind === 'huge' || a.offset + (a.end - a.start) / PAGE_SIZE === b.offset;
}
