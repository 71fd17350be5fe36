/**
 * Mappings of rings, at their old addresses. Newer kernels choose the place themselves, the highest gap that is large
 * enough: all gaps above the wanted one are filled for the moment.
 */
import { Advice, MapFlag } from '../../../kernel-model/memory-syscalls.ts';
import type { Task } from '../../../kernel-model/task.ts';
import { Prot, VmFlag } from '../../../kernel-model/vma.ts';
import type { MappingState } from '../../state.ts';
import { hex } from '../calls.ts';
import { mmNode } from '../memory.ts';
import { type RingRestore, ringNode } from './ring.ts';

const PAGE = 4096;
/** Offsets at which something begins, in pages. */
const AREA_MASK = 0x800_0000 / PAGE - 1;
const GROUPS = 0x8000_0000 / PAGE;
const GROUP_MASK = 0x1_0000 / PAGE - 1;

export function addMaps(ring: RingRestore): void {
  const { world, index, state } = ring;
  for (const [mm, { mappings }] of world.state.mms.entries()) {
    const own = mappings.filter(({ backing }) => backing.kind === 'file' && backing.file === state.file);
    const task = world.state.tasks.find((each) => each.mm === mm);
    if (own.length === 0 || !task) continue;
    // Whoever needs addresses for a while must find the old mappings' places free, so these come behind.
    const after = ['setup', 'groups', 'buffers', 'queues'].map((part) => ringNode(index, part));
    const buffers = world.state.rings.map((_, i) => ringNode(i, 'buffers'));
    world.graph.add(ringNode(index, `map ${task.tid}`), [...after, ...buffers, mmNode(mm)], () => {
      for (const mapping of own) map(ring, world.task(task.tid), mapping);
    });
  }
}

function map(ring: RingRestore, task: Task, mapping: MappingState): void {
  const { world } = ring;
  const { calls } = world;
  const { start, end, flags, offset } = mapping;
  // A part of an area is what is left of all of it.
  const skipped = PAGE * (offset & (offset >= GROUPS ? GROUP_MASK : AREA_MASK));
  const from = start - skipped;
  if (skipped > 0 && !task.mm?.isFree(from, start))
    ring.refuse(11, `the mapping at ${hex(start)} is a part of one whose start is now something else`);
  if (!task.mm?.isFree(start, end)) ring.refuse(12, `something else is mapped at ${hex(start)}`);
  const prot = flags & (Prot.Read | Prot.Write | Prot.Exec);
  ring.withFd(task, (fd) => place(ring, task, { from, end, prot, fd, at: PAGE * offset - skipped, flags }));
  if (skipped > 0)
    calls.done(task, 'munmap', [hex(from), skipped], calls.machine.sys.munmap(task, from, skipped));
  for (const [bit, advice, name] of ADVISED) {
    if ((flags & bit) === 0) continue;
    const result = calls.machine.sys.madvise(task, start, end - start, advice);
    calls.done(task, 'madvise', [hex(start), end - start, name], result);
  }
}

/** MADV_* that leave a bit in a mapping of any kind. */
const ADVISED = [[VmFlag.DontCopy, Advice.DontFork, 'MADV_DONTFORK']] as const;

interface Wanted {
  readonly from: number;
  readonly end: number;
  readonly prot: number;
  readonly fd: number;
  /** Bytes into the ring's file. */
  readonly at: number;
  /** VM_* */
  readonly flags: number;
}

function place(ring: RingRestore, task: Task, { from, end, prot, fd, at, flags }: Wanted): void {
  const { calls } = ring.world;
  const { sys, profile } = calls.machine;
  const shared = (flags & (VmFlag.Shared | VmFlag.MayShare)) !== 0 ? MapFlag.Shared : MapFlag.Private;
  const free = profile.dialect.ringMapFixed;
  const filled = free ? [] : fillAbove(ring, task, end);
  const how = free ? shared | MapFlag.Fixed : shared;
  const wanted = free ? from : 0;
  const address = sys.mmap(task, wanted, end - from, prot, how, fd, at);
  calls.done(task, 'mmap', [hex(wanted), end - from, prot, hex(how), fd, hex(at)], address);
  for (const { start, length } of filled)
    calls.done(task, 'munmap', [hex(start), length], sys.munmap(task, start, length));
  if (address !== from) ring.refuse(12, `its mapping comes to ${hex(address)} instead of ${hex(from)}`);
}

/** Leaves no gap above an address that the kernel would take. */
function fillAbove(ring: RingRestore, task: Task, from: number): { start: number; length: number }[] {
  const { calls } = ring.world;
  const { mm } = task;
  if (!mm) return [];
  const top = mm.record.big('mmap_base');
  const limit = Number(top);
  const filled: { start: number; length: number }[] = [];
  let start = from;
  const fill = (end: number) => {
    if (end <= start) return;
    const length = end - start;
    const how = MapFlag.Private | MapFlag.Anonymous | MapFlag.NoReserve | MapFlag.FixedNoReplace;
    const result = calls.machine.sys.mmap(task, start, length, Prot.None, how);
    calls.done(
      task,
      'mmap',
      [hex(start), length, 'PROT_NONE', 'MAP_PRIVATE|MAP_ANONYMOUS|MAP_FIXED_NOREPLACE'],
      result,
    );
    filled.push({ start, length });
  };
  for (const vma of [...mm.mappings]) {
    if (vma.end <= from) continue;
    fill(Math.min(vma.start, limit));
    start = Math.max(start, vma.end);
  }
  fill(limit);
  return filled;
}
