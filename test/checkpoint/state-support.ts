/** Checkpoints at random: whatever the type of a state allows, with references that lead somewhere. */
import fc, { type Arbitrary, type GeneratorValue } from 'fast-check';
import type {
  CheckpointState,
  CredState,
  Descriptor,
  FileOwnerState,
  FileState,
  InodeState,
  MappingState,
  MemoryObject,
  TaskState,
} from '../../checkpoint/state.ts';
import { bytes, type Draw, flag, maybe, page, text, u32, u64 } from './draw.ts';
import { ringState } from './ring-state-support.ts';

const PAGE = 4096;
const KINDS: readonly FileState['kind'][] = ['regular', 'eventfd', 'io_uring', 'pipe', 'epoll', 'socket'];
const BOUNDS = ['start_code', 'end_code', 'start_data', 'end_data', 'start_brk', 'brk', 'start_stack'];
const MORE_BOUNDS = ['arg_start', 'arg_end', 'env_start', 'env_end'];
const VM_FLAGS = [
  0x1,
  0x2,
  0x4,
  0x8,
  0x80,
  0x100,
  0x2000,
  0x2_0000,
  0x10_0000,
  0x20_0000,
  0x40_0000,
  2 ** 37,
];

export const anyState: Arbitrary<CheckpointState> = fc.gen().map((g) => stateOf(drawing(g)));

function drawing(g: GeneratorValue): Draw {
  return {
    of: (arbitrary) => g(() => arbitrary),
    count: (max) => g(fc.nat, { max }),
    one: (list) => list[g(fc.nat, { max: list.length - 1 })] as (typeof list)[number],
  };
}

function stateOf(draw: Draw): CheckpointState {
  const creds = times(1 + draw.count(2), () => credState(draw));
  const objects = times(draw.count(3), () => memoryObject(draw));
  const orphans = times(draw.count(3), () => page(draw));
  const files = fileStates(draw, objects);
  const { tasks, mms, tables } = taskStates(draw, creds.length);
  const ringFiles = [...files.keys()].filter((file) => files[file]?.ring !== undefined);
  const inOrder = ringFiles.sort((a, b) => (files[a]?.ring ?? 0) - (files[b]?.ring ?? 0));
  const world = { creds, objects, orphans, files, mms, tasks, rings: inOrder };
  const eventfds = [...files.keys()].filter((file) => files[file]?.kind === 'eventfd');
  return {
    kernel: draw.one(['5.16+series', '6.1', '6.12']),
    hz: draw.one([100, 250, 1000]),
    tasks: tasks.map((task) => ({ ...task, ringFds: ringFds(draw, inOrder) })),
    creds,
    fdTables: times(tables, () => ({ fds: descriptors(draw, files.length) })),
    mms: times(mms, () => ({ bounds: boundsOf(draw), mappings: mappings(draw, files.length, objects) })),
    objects,
    files,
    rings: inOrder.map((file) => ringState(draw, { ...world, eventfds }, file)),
    orphans,
  };
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

function credState(draw: Draw): CredState {
  return {
    uid: u32(draw),
    gid: u32(draw),
    suid: u32(draw),
    sgid: u32(draw),
    euid: u32(draw),
    egid: u32(draw),
    fsuid: u32(draw),
    fsgid: u32(draw),
    securebits: u32(draw),
    groups: times(draw.count(3), () => u32(draw)),
    inheritable: u64(draw),
    permitted: u64(draw),
    effective: u64(draw),
    bounding: u64(draw),
    ambient: u64(draw),
  };
}

function memoryObject(draw: Draw): MemoryObject {
  const kind = draw.one(['shared', 'memfd', 'huge'] as const);
  const size = draw.one([0n, 1n, 4096n, 20_000n, 1n << 21n, 1n << 40n]);
  const last = Math.min(Number((size + 4095n) / 4096n), 2 ** 20);
  const pages = new Map<number, Uint8Array>();
  for (let i = draw.count(3); last > 0 && i > 0; i--) pages.set(draw.count(last - 1), page(draw));
  return { kind, size, pages: sorted(pages), ...(kind === 'memfd' && { name: text(draw) }) };
}

function sorted<T>(map: ReadonlyMap<number, T>): Map<number, T> {
  return new Map([...map].sort(([a], [b]) => a - b));
}

function fileStates(draw: Draw, objects: readonly MemoryObject[]): FileState[] {
  const free = [...objects.keys()];
  const files: FileState[] = [];
  let rings = 0;
  for (let index = 0, count = draw.count(8); index < count; index++) {
    const kind = draw.one(KINDS);
    const inode = inodeState(draw, files, kind, free);
    const owner = maybe(draw, () => ownerOf(draw));
    const common = {
      kind,
      flags: u32(draw),
      position: u64(draw),
      path: text(draw),
      inode,
      ...(owner && { owner }),
    };
    const ring = kind === 'io_uring' && draw.count(4) > 0 ? { ring: rings++ } : {};
    files.push({ ...common, ...detailOf(draw, kind, common.flags, files, inode.first), ...ring });
  }
  return withWatches(draw, withPeers(draw, files));
}

function inodeState(
  draw: Draw,
  files: readonly FileState[],
  kind: FileState['kind'],
  free: number[],
): InodeState {
  const alike = [...files.keys()].filter((file) => {
    const other = files[file] as FileState;
    return other.kind === kind && other.inode.first === file && kind !== 'io_uring' && kind !== 'socket';
  });
  if (alike.length > 0 && flag(draw)) {
    const { content: _1, device: _2, object: _3, ...known } = (files[draw.one(alike)] as FileState).inode;
    return known;
  }
  const known = {
    first: files.length,
    mode: u32(draw),
    uid: u32(draw),
    gid: u32(draw),
    size: u64(draw),
    deleted: flag(draw),
  };
  const what = draw.count(3);
  if (kind !== 'regular' || what === 0) return known;
  const object = what === 1 ? free.pop() : undefined;
  if (object !== undefined) return { ...known, object };
  return what === 2 ? { ...known, device: u32(draw) } : { ...known, content: bytes(draw) };
}

function detailOf(
  draw: Draw,
  kind: FileState['kind'],
  flags: number,
  files: readonly FileState[],
  first: number,
): Partial<FileState> {
  switch (kind) {
    case 'eventfd':
      return { eventfd: { count: u64(draw), semaphore: flag(draw) } };
    case 'pipe': {
      if ((flags & 3) !== 0) return {};
      const same = files.find((file) => file.kind === 'pipe' && file.inode.first === first && file.pipe);
      return { pipe: same?.pipe ?? { content: bytes(draw) } };
    }
    case 'socket': {
      const received = times(draw.count(2), () => bytes(draw));
      const peekOffset = draw.one([-1, 0, 70]);
      return {
        socket: { type: draw.one([1, 2, 5]), peer: undefined, shutdown: draw.count(3), peekOffset, received },
      };
    }
    default:
      return {};
  }
}

function ownerOf(draw: Draw): FileOwnerState {
  const target = maybe(draw, () => ({ type: draw.count(2), pid: 1 + draw.count(70_000) }));
  return { target, signal: draw.count(64), uid: u32(draw), euid: u32(draw) };
}

function withPeers(draw: Draw, files: readonly FileState[]): FileState[] {
  const sockets = [...files.keys()].filter((file) => files[file]?.kind === 'socket');
  const peers = new Map<number, number>();
  while (sockets.length > 1 && flag(draw)) {
    const [a, b] = sockets.splice(0, 2) as [number, number];
    peers.set(a, b).set(b, a);
  }
  return files.map((file, index) =>
    file.socket ? { ...file, socket: { ...file.socket, peer: peers.get(index) } } : file,
  );
}

function withWatches(draw: Draw, files: readonly FileState[]): FileState[] {
  return files.map((file) => {
    if (file.kind !== 'epoll') return file;
    const epoll = times(draw.count(3), () => ({
      file: draw.count(files.length - 1),
      fd: u32(draw),
      events: u32(draw),
      data: u64(draw),
    }));
    return { ...file, epoll };
  });
}

type PlainTask = Omit<TaskState, 'ringFds'>;

/** A parent may have a higher number than its child: they start again after the highest. */
function taskStates(draw: Draw, creds: number): { tasks: PlainTask[]; mms: number; tables: number } {
  const made: PlainTask[] = [];
  const used = new Set<number>();
  const tables = { mm: 0, fdTable: 0 };
  const number = () => {
    let tid = draw.of(fc.integer({ min: 2, max: 40 }));
    while (used.has(tid)) tid++;
    used.add(tid);
    return tid;
  };
  const table = (which: 'mm' | 'fdTable') => {
    const index = draw.count(tables[which] + 1);
    if (index > tables[which]) return undefined;
    if (index === tables[which]) tables[which]++;
    return index;
  };
  const common = () => ({
    comm: text(draw),
    cred: draw.count(creds - 1),
    mm: table('mm'),
    fdTable: table('fdTable'),
    workers: maybe(draw, () => ({ limits: [u32(draw), u32(draw)] as const, cpus: u64(draw) })),
  });
  for (let i = 0, processes = draw.count(4); i < processes; i++) {
    const tid = i === 0 && draw.count(9) === 0 ? 1 : number();
    const parents = [1, ...made.filter((task) => task.tid === task.tgid).map((task) => task.tid)];
    const limit = () => [u64(draw), u64(draw)] as const;
    const limits = { nofile: limit(), memlock: limit() };
    const process = { tid, tgid: tid, parent: draw.one(parents), ...common(), limits };
    made.push(process);
    for (let threads = draw.count(2); threads > 0; threads--) {
      made.push({ ...process, tid: number(), ...common() });
    }
  }
  const tasks = made.sort((a, b) => a.tid - b.tid);
  return { tasks, mms: tables.mm, tables: tables.fdTable };
}

function ringFds(draw: Draw, rings: readonly number[]): TaskState['ringFds'] {
  if (rings.length === 0) return [];
  return times(draw.count(2), (index) => ({ index: 2 * index + draw.count(1), file: draw.one(rings) }));
}

function descriptors(draw: Draw, files: number): Descriptor[] {
  if (files === 0) return [];
  const fds: Descriptor[] = [];
  for (let count = draw.count(4), fd = 0; count > 0; count--) {
    fd += draw.count(5);
    fds.push({ fd, file: draw.count(files - 1), closeOnExec: flag(draw) });
    fd++;
  }
  return fds;
}

function boundsOf(draw: Draw): { [name: string]: bigint } {
  return Object.fromEntries([...BOUNDS, ...MORE_BOUNDS].map((name) => [name, u64(draw)]));
}

function mappings(draw: Draw, files: number, objects: readonly MemoryObject[]): MappingState[] {
  const made: MappingState[] = [];
  let address = draw.one([0, 0x40_0000, 0x7fff_0000_0000]);
  for (let count = draw.count(4); count > 0; count--) {
    const start = address + draw.count(2) * PAGE;
    const length = 1 + draw.count(5);
    address = start + length * PAGE;
    const pages = new Map<number, Uint8Array>();
    for (let i = draw.count(3); i > 0; i--) pages.set(start + draw.count(length - 1) * PAGE, page(draw));
    const flags = VM_FLAGS.reduce((all, bit) => (flag(draw) ? all + bit : all), 0);
    const backing = backingOf(draw, files, objects.length);
    made.push({ start, end: address, flags, offset: u32(draw), backing, pages: sorted(pages) });
  }
  return made;
}

function backingOf(draw: Draw, files: number, objects: number): MappingState['backing'] {
  const kind = draw.one(['anonymous', 'huge', 'object', 'file'] as const);
  if (kind === 'file') return files === 0 ? { kind: 'huge' } : { kind, file: draw.count(files - 1) };
  if (kind === 'object') return objects === 0 ? { kind: 'huge' } : { kind, object: draw.count(objects - 1) };
  return { kind };
}
