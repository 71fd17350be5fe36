/** Address spaces, and the objects that several of them show. */
import { Open } from '../../kernel-model/file.ts';
import { Advice, MapFlag } from '../../kernel-model/memory-syscalls.ts';
import type { MmMap } from '../../kernel-model/prctl.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Prot, VmFlag } from '../../kernel-model/vma.ts';
import type { MappingState, MemoryObject, MmState } from '../state.ts';
import { hex } from './calls.ts';
import { objectNode, sourceNode } from './files.ts';
import { taskNode } from './tasks.ts';
import type { RestoreWorld } from './world.ts';

const PAGE_SIZE = 4096;
const MFD_CLOEXEC = 1;

/** Flags that advice has left. */
const ADVICE: readonly (readonly [flag: number, advice: Advice, name: string])[] = [
  [VmFlag.DontCopy, Advice.DontFork, 'MADV_DONTFORK'],
  [VmFlag.SequentialRead, Advice.Sequential, 'MADV_SEQUENTIAL'],
  [VmFlag.RandomRead, Advice.Random, 'MADV_RANDOM'],
  [VmFlag.DontDump, Advice.DontDump, 'MADV_DONTDUMP'],
  [VmFlag.WipeOnFork, Advice.WipeOnFork, 'MADV_WIPEONFORK'],
  [VmFlag.HugePage, Advice.HugePage, 'MADV_HUGEPAGE'],
  [VmFlag.NoHugePage, Advice.NoHugePage, 'MADV_NOHUGEPAGE'],
];

export function mmNode(mm: number): string {
  return `mm ${mm}`;
}

/** Nodes `object ID` and `mm MM`; mappings of rings are theirs. */
export function addMemory(world: RestoreWorld): void {
  const { graph, state } = world;
  for (const [id, object] of state.objects.entries())
    graph.add(objectNode(id), [], () => makeObject(world, id, object));
  for (const [index, mm] of state.mms.entries()) {
    const task = state.tasks.find((each) => each.mm === index);
    if (!task) continue;
    const mappings = mm.mappings.filter((mapping) => !isRing(world, mapping));
    const sources = mappings.flatMap(({ backing }) => {
      if (backing.kind === 'object') return [objectNode(backing.object)];
      return backing.kind === 'file' ? [sourceNode(world, backing.file)] : [];
    });
    graph.add(mmNode(index), [taskNode(task.tid), ...sources], () => {
      const owner = world.task(task.tid);
      for (const mapping of mappings) mapWhole(world, owner, mapping);
      setBounds(world, owner, mm.bounds);
    });
  }
}

/** Where program, heap, stack and arguments stand, as far as the kernel notes it. */
function setBounds({ calls }: RestoreWorld, task: Task, bounds: MmState['bounds']): void {
  if (Object.values(bounds).every((bound) => bound === 0n)) return;
  const map = Object.fromEntries(
    Object.entries(bounds).map(([name, bound]) => [name, Number(bound)]),
  ) as MmMap;
  calls.done(task, 'prctl', ['PR_SET_MM', 'PR_SET_MM_MAP'], calls.machine.sys.prctl_mm_map(task, map));
}

/** Maps all of a mapping, with the pages of its own. */
export function mapWhole(world: RestoreWorld, task: Task, mapping: MappingState): void {
  mapPart(world, task, mapping, mapping.start, mapping.end);
}

/** Maps a part of a mapping at its place, whatever is there, with the pages of its own in it. */
export function mapPart(
  world: RestoreWorld,
  task: Task,
  mapping: MappingState,
  start: number,
  end: number,
): void {
  const { calls } = world;
  const { sys } = calls.machine;
  const { backing, flags } = mapping;
  const wanted = flags & (Prot.Read | Prot.Write | Prot.Exec);
  // Memory that counts as committed could be written once.
  const sealed = (flags & VmFlag.Account) !== 0 && (wanted & Prot.Write) === 0;
  const prot = sealed ? wanted | Prot.Read | Prot.Write : wanted;
  const offset = (mapping.offset + (start - mapping.start) / PAGE_SIZE) * PAGE_SIZE;
  const map = (how: number, fd: number, at: number) => {
    const address = sys.mmap(task, start, end - start, prot, how | MapFlag.Fixed, fd, at);
    calls.done(task, 'mmap', [hex(start), end - start, prot, hex(how | MapFlag.Fixed), fd, hex(at)], address);
  };
  const how = mapFlags(flags);
  if (backing.kind === 'anonymous') map(how | MapFlag.Anonymous, -1, 0);
  else if (backing.kind === 'huge') map(how | MapFlag.Anonymous | MapFlag.HugeTlb, -1, 0);
  else if (backing.kind === 'object') withObject(world, task, backing.object, (fd) => map(how, fd, offset));
  else world.withFile(task, backing.file, (fd) => map(how, fd, offset));
  for (const [flag, advice, name] of ADVICE) {
    if ((flags & flag) === 0) continue;
    const result = sys.madvise(task, start, end - start, advice);
    calls.done(task, 'madvise', [hex(start), end - start, name], result);
  }
  for (const [address, page] of mapping.pages) {
    if (address >= start && address < end) world.writeMemory(task.pid, address, page);
  }
  if (!sealed) return;
  // Since 6.7 memory without a single page does not count any more once it is sealed.
  if (backing.kind === 'anonymous') world.writeMemory(task.pid, start, world.readMemory(task.pid, start, 1));
  seal(world, task, start, end, wanted);
}

/** Forbids writing again. */
function seal(world: RestoreWorld, task: Task, start: number, end: number, prot: number): void {
  const { calls } = world;
  const result = calls.machine.sys.mprotect(task, start, end - start, prot);
  calls.done(task, 'mprotect', [hex(start), end - start, prot], result);
}

/** A descriptor of a task for a memory object, for as long as it is used. */
export function withObject<T>(world: RestoreWorld, task: Task, object: number, use: (fd: number) => T): T {
  const { restorer } = world.calls;
  const { fd } = world.objectHome(object);
  if (task.files === restorer.files) return use(fd);
  const own = world.borrow(task, { task: restorer, fd });
  try {
    return use(own);
  } finally {
    world.close(task, own);
  }
}

/** MAP_* that give a mapping its flags; MAP_FIXED is added. */
function mapFlags(flags: number): number {
  let how =
    (flags & VmFlag.Shared) !== 0 || (flags & VmFlag.MayShare) !== 0 ? MapFlag.Shared : MapFlag.Private;
  if ((flags & VmFlag.GrowsDown) !== 0) how |= MapFlag.GrowsDown;
  if ((flags & VmFlag.Locked) !== 0) how |= MapFlag.Locked;
  if ((flags & VmFlag.NoReserve) !== 0) how |= MapFlag.NoReserve;
  return how;
}

export function isRing({ state }: RestoreWorld, { backing }: MappingState): boolean {
  return backing.kind === 'file' && state.files[backing.file]?.kind === 'io_uring';
}

/** A memfd as it was; shared memory without a name is mapped by the restorer, and opened through that mapping. */
function makeObject(world: RestoreWorld, id: number, object: MemoryObject): void {
  const { calls } = world;
  const { machine, restorer } = calls;
  const size = Number(object.size);
  const fd = object.kind === 'memfd' ? createMemfd(world, object, size) : openAnonymous(world, object, size);
  for (const [index, page] of object.pages) {
    const length = Math.min(PAGE_SIZE, size - index * PAGE_SIZE);
    const written = machine.sys.pwrite(restorer, fd, page.subarray(0, length), index * PAGE_SIZE);
    calls.done(restorer, 'pwrite', [fd, `${length} bytes`, hex(index * PAGE_SIZE)], written);
  }
  world.setObjectHome(id, { fd });
  world.onEnd(() => world.close(restorer, fd));
}

function createMemfd({ calls }: RestoreWorld, { name = '' }: MemoryObject, size: number): number {
  const { machine, restorer } = calls;
  const fd = machine.sys.memfd_create(restorer, name, MFD_CLOEXEC);
  calls.done(restorer, 'memfd_create', [name, 'MFD_CLOEXEC'], fd);
  if (size > 0) calls.done(restorer, 'ftruncate', [fd, size], machine.sys.ftruncate(restorer, fd, size));
  return fd;
}

function openAnonymous(world: RestoreWorld, { kind }: MemoryObject, size: number): number {
  const { calls } = world;
  const { machine, restorer } = calls;
  const how = MapFlag.Shared | MapFlag.Anonymous | (kind === 'huge' ? MapFlag.HugeTlb : 0);
  const address = machine.sys.mmap(restorer, 0, size, Prot.Read | Prot.Write, how);
  calls.done(restorer, 'mmap', [0, size, 'PROT_READ|PROT_WRITE', hex(how)], address);
  const path = `/proc/${restorer.pid}/map_files/${address.toString(16)}-${(address + size).toString(16)}`;
  const fd = machine.sys.open_map_file(restorer, restorer.pid, address, address + size, Open.RdWr);
  calls.done(restorer, 'open', [path, 'O_RDWR'], fd);
  calls.done(restorer, 'munmap', [hex(address), size], machine.sys.munmap(restorer, address, size));
  return fd;
}
