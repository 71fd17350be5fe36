/**
 * Pages of a buffer that the address space does not show where they were registered: for a moment they are mapped
 * there, from the object that they belong to, or from a memfd of the restorer that has one page for each orphan.
 */
import { MapFlag } from '../../../kernel-model/memory-syscalls.ts';
import type { Task } from '../../../kernel-model/task.ts';
import { Prot } from '../../../kernel-model/vma.ts';
import type { BufferState, PageSource } from '../../state.ts';
import { hex } from '../calls.ts';
import { withObject } from '../memory.ts';
import type { RestoreWorld } from '../world.ts';
import { withRoom } from './address-space.ts';
import { pagesOf } from './buffers.ts';
import type { RingRestore } from './ring.ts';

const PAGE = 4096;
const HUGE = 1 << 21;
const HUGE_PAGES = HUGE / PAGE;
const MFD_CLOEXEC = 1;
const MFD_HUGETLB = 4;

/** A stretch of a buffer whose pages stand in a row in one file. */
interface Stretch {
  readonly address: number;
  readonly bytes: number;
  readonly source: { readonly object: number } | 'orphans' | 'huge orphans';
  /** In the file. */
  readonly offset: number;
}

/** Runs something while a buffer's own pages are where they were registered. */
export function withLostPages(ring: RingRestore, task: Task, buffer: BufferState, use: () => void): void {
  const { world } = ring;
  const orphans = orphansOf(world);
  const stretches = buffer.huge ? hugeStretches(orphans, buffer) : stretchesOf(buffer);
  const put = (index: number): void => {
    const stretch = stretches[index];
    if (!stretch) {
      use();
      return;
    }
    withRoom(world, task, stretch.address, stretch.address + stretch.bytes, () => {
      map(ring, task, orphans, stretch);
      put(index + 1);
    });
  };
  put(0);
}

function map(
  ring: RingRestore,
  task: Task,
  orphans: Orphans,
  { address, bytes, source, offset }: Stretch,
): void {
  const { world } = ring;
  const { calls } = world;
  const place = (fd: number) => {
    const how = MapFlag.Shared | MapFlag.Fixed;
    const result = calls.machine.sys.mmap(task, address, bytes, Prot.Read | Prot.Write, how, fd, offset);
    calls.done(
      task,
      'mmap',
      [hex(address), bytes, 'PROT_READ|PROT_WRITE', 'MAP_SHARED|MAP_FIXED', fd, hex(offset)],
      result,
    );
  };
  if (typeof source === 'object') {
    withObject(world, task, source.object, place);
    return;
  }
  const own = source === 'orphans' ? orphans.small() : orphans.hugeFile();
  const fd = world.borrow(task, { task: calls.restorer, fd: own });
  place(fd);
  world.close(task, fd);
}

function stretchesOf(buffer: BufferState): Stretch[] {
  const { start } = pagesOf(buffer);
  const stretches: Stretch[] = [];
  for (const [page, source] of [...buffer.lost].sort(([a], [b]) => a - b)) {
    const next = stretchOf(start + PAGE * page, source);
    const last = stretches.at(-1);
    if (last && continues(last, next))
      stretches[stretches.length - 1] = { ...last, bytes: last.bytes + PAGE };
    else stretches.push(next);
  }
  return stretches;
}

function stretchOf(address: number, source: PageSource): Stretch {
  return source.kind === 'orphan'
    ? { address, bytes: PAGE, source: 'orphans', offset: PAGE * source.orphan }
    : { address, bytes: PAGE, source: { object: source.object }, offset: PAGE * source.page };
}

function continues(a: Stretch, b: Stretch): boolean {
  const same =
    typeof a.source === 'object' && typeof b.source === 'object'
      ? a.source.object === b.source.object
      : a.source === b.source;
  return same && a.address + a.bytes === b.address && a.offset + a.bytes === b.offset;
}

/** Whole huge pages, which may reach beyond the buffer. */
function hugeStretches(orphans: Orphans, buffer: BufferState): Stretch[] {
  const { start } = pagesOf(buffer);
  const blocks = new Map<number, [inside: number, source: PageSource][]>();
  for (const [page, source] of buffer.lost) {
    const address = start + PAGE * page;
    const block = Math.floor(address / HUGE) * HUGE;
    const known = blocks.get(block) ?? [];
    known.push([(address - block) / PAGE, source]);
    blocks.set(block, known);
  }
  return [...blocks].map(([address, pages]) => {
    const [inside, source] = pages[0] as [number, PageSource];
    if (source.kind === 'object')
      return {
        address,
        bytes: HUGE,
        source: { object: source.object },
        offset: PAGE * (source.page - inside),
      };
    return { address, bytes: HUGE, source: 'huge orphans', offset: HUGE * orphans.hugePage(pages) };
  });
}

/** Files of the restorer for the pages that only rings have; what two of them share is one page here too. */
class Orphans {
  private readonly world: RestoreWorld;
  private fd: number | undefined;
  private hugeFd: number | undefined;
  private hugeCount = 0;
  /** Huge page that an orphan is in. */
  private readonly hugePages = new Map<number, number>();

  constructor(world: RestoreWorld) {
    this.world = world;
  }

  small(): number {
    if (this.fd !== undefined) return this.fd;
    const { orphans } = this.world.state;
    this.fd = this.create('orphans', MFD_CLOEXEC);
    this.resize(this.fd, PAGE * orphans.length);
    for (const [index, content] of orphans.entries()) this.write(this.fd, PAGE * index, content);
    return this.fd;
  }

  hugeFile(): number {
    this.hugeFd ??= this.create('huge orphans', MFD_CLOEXEC | MFD_HUGETLB);
    return this.hugeFd;
  }

  /** Number of the huge page that has these small ones in it, filled when it is new. */
  hugePage(pages: readonly (readonly [inside: number, source: PageSource])[]): number {
    const own = pages.flatMap(([inside, source]) =>
      source.kind === 'orphan' ? [{ inside, orphan: source.orphan }] : [],
    );
    const known = own.map(({ orphan }) => this.hugePages.get(orphan)).find((page) => page !== undefined);
    const page = known ?? this.hugeCount++;
    const fd = this.hugeFile();
    this.resize(fd, HUGE * this.hugeCount);
    for (const { inside, orphan } of own) {
      if (this.hugePages.has(orphan)) continue;
      this.hugePages.set(orphan, page);
      this.write(
        fd,
        HUGE * page + PAGE * (inside % HUGE_PAGES),
        this.world.state.orphans[orphan] as Uint8Array,
      );
    }
    return page;
  }

  private create(name: string, flags: number): number {
    const { calls } = this.world;
    const { restorer, machine } = calls;
    const fd = calls.done(
      restorer,
      'memfd_create',
      [name, flags],
      machine.sys.memfd_create(restorer, name, flags),
    );
    this.world.onEnd(() => this.world.close(restorer, fd));
    return fd;
  }

  private resize(fd: number, size: number): void {
    const { calls } = this.world;
    calls.done(
      calls.restorer,
      'ftruncate',
      [fd, size],
      calls.machine.sys.ftruncate(calls.restorer, fd, size),
    );
  }

  /** Through a mapping: files of huge pages cannot be written otherwise. */
  private write(fd: number, offset: number, content: Uint8Array): void {
    if (content.every((byte) => byte === 0)) return;
    const { calls } = this.world;
    const { restorer, machine } = calls;
    const huge = fd === this.hugeFd;
    const unit = huge ? HUGE : PAGE;
    const start = Math.floor(offset / unit) * unit;
    const address = machine.sys.mmap(restorer, 0, unit, Prot.Read | Prot.Write, MapFlag.Shared, fd, start);
    calls.done(restorer, 'mmap', [0, unit, 'PROT_READ|PROT_WRITE', 'MAP_SHARED', fd, hex(start)], address);
    if (!restorer.mm?.memory.write(address + offset - start, content))
      calls.fail('an orphan page cannot be written');
    calls.done(restorer, 'munmap', [hex(address), unit], machine.sys.munmap(restorer, address, unit));
  }
}

const known = new WeakMap<RestoreWorld, Orphans>();

function orphansOf(world: RestoreWorld): Orphans {
  const orphans = known.get(world) ?? new Orphans(world);
  known.set(world, orphans);
  return orphans;
}
