/** Lending a part of a process's address space: what is there makes room for a while and comes back as it was. */
import { Remap } from '../../../kernel-model/memory-syscalls.ts';
import { USER_END } from '../../../kernel-model/mm.ts';
import type { Task } from '../../../kernel-model/task.ts';
import { Prot, VmFlag } from '../../../kernel-model/vma.ts';
import { hex } from '../calls.ts';
import type { RestoreWorld } from '../world.ts';

const HUGE_SIZE = 1 << 21;
const LOWEST = 0x1_0000;

/** A line of /proc/PID/maps. */
interface Place {
  readonly start: number;
  readonly end: number;
}

/** Runs something with nothing mapped in a range; what it maps there goes again afterwards. */
export function withRoom(world: RestoreWorld, task: Task, start: number, end: number, use: () => void): void {
  const { calls } = world;
  const { sys } = calls.machine;
  const move = (from: number, length: number, to: number) => {
    const moved = sys.mremap(task, from, length, length, Remap.MayMove | Remap.Fixed, to);
    calls.done(task, 'mremap', [hex(from), length, length, 'MREMAP_MAYMOVE|MREMAP_FIXED', hex(to)], moved);
  };
  // Moved pages stay the same pages, for whoever else has them pinned.
  const moved = places(task, start, end).map((place) => {
    const length = place.end - place.start;
    const to = freePlace(world, task, length, { start, end });
    move(place.start, length, to);
    return { from: place.start, length, to };
  });
  use();
  calls.done(task, 'munmap', [hex(start), end - start], sys.munmap(task, start, end - start));
  for (const { from, length, to } of moved) move(to, length, from);
}

/** Runs something with the whole of a range writable, as far as it is mapped. */
export function withWriting<T>(world: RestoreWorld, task: Task, start: number, end: number, use: () => T): T {
  const { calls } = world;
  const { sys } = calls.machine;
  const protect = (place: Place, prot: number) => {
    const { start: from, end: to } = place;
    calls.done(task, 'mprotect', [hex(from), to - from, prot], sys.mprotect(task, from, to - from, prot));
  };
  const sealed = (task.mm?.overlapping(start, end) ?? [])
    .filter((vma) => !vma.has(VmFlag.Write))
    .map((vma) => ({
      start: Math.max(vma.start, Math.floor(start / vma.pageSize) * vma.pageSize),
      end: Math.min(vma.end, Math.ceil(end / vma.pageSize) * vma.pageSize),
      prot: vma.flags & (Prot.Read | Prot.Write | Prot.Exec),
    }));
  for (const place of sealed) protect(place, place.prot | Prot.Read | Prot.Write);
  const result = use();
  for (const place of sealed) protect(place, place.prot);
  return result;
}

/** Mapped parts of a range, from /proc/PID/maps. */
function places(task: Task, start: number, end: number): Place[] {
  return (task.mm?.overlapping(start, end) ?? []).map((vma) => ({
    start: Math.max(start, vma.start),
    end: Math.min(end, vma.end),
  }));
}

/** Free addresses, aligned for any page, outside of a range. */
function freePlace(world: RestoreWorld, task: Task, length: number, avoid: Place): number {
  const taken = [...(task.mm?.mappings ?? []), avoid].sort((a, b) => b.start - a.start);
  let end = USER_END;
  for (const { start: next, end: nextEnd } of [...taken, { start: 0, end: LOWEST }]) {
    const at = Math.floor((end - length) / HUGE_SIZE) * HUGE_SIZE;
    if (at >= nextEnd) return at;
    end = Math.min(end, next);
  }
  return world.calls.fail(`process ${task.pid} has no ${length} bytes of its address space left`);
}
