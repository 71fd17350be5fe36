/** Open files, made by the restorer and handed to whoever has them; and what stands in the file system behind them. */
import { SocketOption } from '../../kernel-model/channel-syscalls.ts';
import { EpollOp, epollCreate1, epollCtl } from '../../kernel-model/epoll-ctl.ts';
import { Open } from '../../kernel-model/file.ts';
import { Fcntl, Seek } from '../../kernel-model/file-syscalls.ts';
import type { Task } from '../../kernel-model/task.ts';
import type { FdTableState, FileOwnerState, FileState, WatchState } from '../state.ts';
import { taskNode } from './tasks.ts';
import type { Home, RestoreWorld } from './world.ts';

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;
const S_IFDIR = 0o040000;
const S_IFCHR = 0o020000;
const PERMISSIONS = 0o7777;
const AF_UNIX = 1;
const EFD_SEMAPHORE = 1;
const SOL_SOCKET = 1;
const SENDS_NO_MORE = 2;
/** O_* that open(2) takes again. */
const STATUS = ~(Open.Creat | Open.Excl | Open.Trunc);

/** Nodes `file ID` for all but rings, which make themselves, and `fds TABLE`. */
export function addFiles(world: RestoreWorld): void {
  const { graph, state } = world;
  const restorer = new FileRestore(world);
  for (const [id, file] of state.files.entries()) {
    if (file.kind === 'io_uring') continue;
    const first = fileNode(file.inode.first);
    const after = file.inode.first === id ? [] : [first];
    if (file.inode.object !== undefined) after.push(objectNode(file.inode.object));
    const peer = file.socket?.peer;
    if (peer !== undefined && peer < id) after.push(fileNode(peer));
    if (file.kind === 'epoll') after.push(taskNode(ownerOf(world, id)));
    if (file.inode.first === id) after.push(...namesakes(state.files, id).map(unlinkNode));
    graph.add(fileNode(id), after, () => restorer.make(id, file));
  }
  // Names go when all that have the file open have opened it.
  const users = new Map<number, string[]>();
  for (const [id, { inode }] of state.files.entries())
    if (inode.deleted) users.set(inode.first, [...(users.get(inode.first) ?? []), fileNode(id)]);
  for (const [id, nodes] of users) graph.add(unlinkNode(id), nodes, () => restorer.unlink(id));
  addOwners(world);
  for (const [index, table] of state.fdTables.entries()) {
    const task = state.tasks.find(({ fdTable }) => fdTable === index);
    if (!task) continue;
    const files = table.fds.map(({ file }) => sourceNode(world, file));
    const after = [taskNode(task.tid), ...files];
    graph.add(tableNode(index), after, () => install(world, world.task(task.tid), table));
  }
  for (const [id, file] of state.files.entries()) {
    if (file.kind !== 'epoll') continue;
    const watched = (file.epoll ?? []).map((watch) => sourceNode(world, watch.file));
    const after = [fileNode(id), ...watched, ...state.fdTables.map((_, index) => tableNode(index))];
    graph.add(`file ${id} watches`, after, () => watch(world, id, file.epoll ?? []));
  }
}

/** Whoever a file signals has to be there. */
function addOwners(world: RestoreWorld): void {
  for (const [id, { owner }] of world.state.files.entries()) {
    if (!owner) continue;
    const after = owner.target ? [taskNode(owner.target.pid)] : [];
    world.graph.add(ownerNode(id), [sourceNode(world, id), ...after], () => setOwner(world, id, owner));
  }
}

export function ownerNode(id: number): string {
  return `file ${id} owner`;
}

/** The ids of who names an owner are kept with it, so a thread with these ids does it. */
function setOwner(world: RestoreWorld, id: number, { target, signal, uid, euid }: FileOwnerState): void {
  const { calls } = world;
  const { sys } = calls.machine;
  const set = (task: Task, fd: number): void => {
    if (target)
      calls.done(
        task,
        'fcntl',
        [fd, 'F_SETOWN_EX', target.type, target.pid],
        sys.fcntl_setown_ex(task, fd, target),
      );
    if (signal !== 0)
      calls.done(task, 'fcntl', [fd, 'F_SETSIG', signal], sys.fcntl(task, fd, Fcntl.SetSig, signal));
  };
  world.withFile(calls.restorer, id, (fd) => {
    if (uid === 0 && euid === 0) set(calls.restorer, fd);
    else
      world.withCred(calls.restorer, { ...PLAIN_CRED, uid, euid, suid: uid, fsuid: euid }, (thread) =>
        set(thread, fd),
      );
  });
}

/** Anybody, without any right. */
const PLAIN_CRED = {
  gid: 0,
  sgid: 0,
  egid: 0,
  fsgid: 0,
  securebits: 0,
  groups: [],
  inheritable: 0n,
  permitted: 0n,
  effective: 0n,
  bounding: 0n,
  ambient: 0n,
} as const;

function unlinkNode(id: number): string {
  return `file ${id} unlinked`;
}

/** Deleted files that had a file's name before it: only one of them can have it at a time. */
function namesakes(files: readonly FileState[], id: number): number[] {
  const file = files[id];
  if (file?.kind !== 'regular' || file.inode.object !== undefined) return [];
  return [...files.entries()]
    .filter(([other, { kind, path, inode }]) => {
      if (other === id || inode.first !== other || !inode.deleted) return false;
      return kind === 'regular' && path === file.path && (!file.inode.deleted || other < id);
    })
    .map(([other]) => other);
}

export function fileNode(id: number): string {
  return `file ${id}`;
}

export function objectNode(id: number): string {
  return `object ${id}`;
}

export function tableNode(index: number): string {
  return `fds ${index}`;
}

/** The node behind which a file is to be had. */
export function sourceNode(world: RestoreWorld, id: number): string {
  const ring = world.state.files[id]?.ring;
  return ring === undefined ? fileNode(id) : `ring ${ring} setup`;
}

/** The first task that has a file open: it is the one who pays for an epoll instance. */
function ownerOf({ state }: RestoreWorld, file: number): number {
  const table = state.fdTables.findIndex(({ fds }) => fds.some((each) => each.file === file));
  return (state.tasks.find(({ fdTable }) => fdTable === table) ?? state.tasks[0])?.tid ?? 0;
}

class FileRestore {
  private readonly world: RestoreWorld;

  constructor(world: RestoreWorld) {
    this.world = world;
  }

  make(id: number, file: FileState): void {
    if (file.kind === 'eventfd') this.eventfd(id, file);
    else if (file.kind === 'pipe') this.pipe(id, file);
    else if (file.kind === 'socket') this.socket(id, file);
    else if (file.kind === 'epoll') this.epoll(id, file);
    else if (file.inode.object === undefined) this.regular(id, file);
    else this.memory(id, file);
  }

  unlink(id: number): void {
    const { calls } = this.world;
    const { path } = this.world.state.files[id] as FileState;
    calls.done(calls.restorer, 'unlink', [path], calls.machine.sys.unlink(calls.restorer, path));
  }

  private eventfd(id: number, { flags, eventfd }: FileState): void {
    const { calls } = this.world;
    const { count, semaphore } = eventfd ?? { count: 0n, semaphore: false };
    const wanted = (semaphore ? EFD_SEMAPHORE : 0) | (flags & Open.NonBlock);
    // The first argument has 32 bits; the rest is written.
    const first = count > 0xffff_ffffn ? 0n : count;
    const { sys } = calls.machine;
    const fd = calls.done(
      calls.restorer,
      'eventfd2',
      [first, wanted],
      sys.eventfd2(calls.restorer, Number(first), wanted),
    );
    if (first !== count) this.write(fd, new Uint8Array(BigUint64Array.of(count).buffer));
    if ((flags & Open.Append) !== 0) this.setStatus(fd, flags);
    this.own(id, fd);
  }

  /** Both ends are made with the first one. */
  private pipe(id: number, file: FileState): void {
    const { calls, state } = this.world;
    if (this.has(id)) return;
    const { first } = file.inode;
    const ends = [...state.files.entries()].filter(
      ([, other]) => other.kind === 'pipe' && other.inode.first === first,
    );
    const reader = ends.find(([, { flags }]) => (flags & Open.AccMode) === Open.RdOnly);
    const writer = ends.find(([, { flags }]) => (flags & Open.AccMode) !== Open.RdOnly);
    const pair = this.pair('pipe2', calls.machine.sys.pipe2(calls.restorer, Open.CloExec));
    this.write(pair[1], reader?.[1].pipe?.content ?? new Uint8Array());
    for (const [end, fd] of [
      [reader, pair[0]],
      [writer, pair[1]],
    ] as const) {
      if (!end) this.world.close(calls.restorer, fd);
      else {
        this.setStatus(fd, end[1].flags);
        this.own(end[0], fd);
      }
    }
  }

  /** Both ends are made with the first one; one whose other end is gone loses it again. */
  private socket(id: number, file: FileState): void {
    const { calls, state } = this.world;
    if (this.has(id) || !file.socket) return;
    const { type, peer } = file.socket;
    const pair = this.pair(
      'socketpair',
      calls.machine.sys.socketpair(calls.restorer, AF_UNIX, type | Open.CloExec),
    );
    const other = peer === undefined ? undefined : state.files[peer];
    for (const message of file.socket.received) this.write(pair[1], message);
    for (const message of other?.socket?.received ?? []) this.write(pair[0], message);
    this.finishSocket(id, file, pair[0]);
    if (peer !== undefined && other) this.finishSocket(peer, other, pair[1]);
    else this.world.close(calls.restorer, pair[1]);
  }

  /** What was closed for sending is so again once the messages are through. */
  private finishSocket(id: number, { flags, socket }: FileState, fd: number): void {
    const { calls } = this.world;
    const { sys } = calls.machine;
    const { restorer } = calls;
    if (socket && (socket.shutdown & SENDS_NO_MORE) !== 0 && socket.peer !== undefined)
      calls.done(restorer, 'shutdown', [fd, 'SHUT_WR'], sys.shutdown(restorer, fd, 1));
    if (socket && socket.peekOffset >= 0) {
      const result = sys.setsockopt(restorer, fd, SOL_SOCKET, SocketOption.PeekOffset, socket.peekOffset);
      calls.done(restorer, 'setsockopt', [fd, 'SO_PEEK_OFF', socket.peekOffset], result);
    }
    this.setStatus(fd, flags);
    this.own(id, fd);
  }

  private pair(call: string, made: [number, number] | number): [number, number] {
    const { calls } = this.world;
    if (typeof made === 'number') {
      calls.done(calls.restorer, call, [], made);
      return calls.fail(`${call} gave one descriptor`);
    }
    calls.note(calls.restorer, call, [], `${made[0]} ${made[1]}`);
    return made;
  }

  private epoll(id: number, file: FileState): void {
    const { calls } = this.world;
    const task = this.world.task(ownerOf(this.world, id));
    const flags = file.flags & Open.CloExec;
    const fd = calls.done(task, 'epoll_create1', [flags], epollCreate1(calls.machine, task, flags));
    const high = this.world.lift(task, fd);
    this.world.close(task, fd);
    this.setStatus(high, file.flags, task);
    this.world.setHome(id, { task, fd: high });
    this.world.onEnd(() => this.world.close(task, high));
  }

  private regular(id: number, file: FileState): void {
    const { calls, state } = this.world;
    const { restorer, machine } = calls;
    const first = file.inode.first === id;
    if (first) this.prepare(file);
    const source = state.files[file.inode.first] as FileState;
    const flags = file.flags & STATUS;
    const fd = calls.done(
      restorer,
      'open',
      [source.path, `0${flags.toString(8)}`],
      machine.sys.open(restorer, source.path, flags),
    );
    if (file.position !== 0n) {
      const position = Number(file.position);
      calls.done(
        restorer,
        'lseek',
        [fd, position, 'SEEK_SET'],
        machine.sys.lseek(restorer, fd, position, Seek.Set),
      );
    }
    this.own(id, fd);
  }

  /** Another open file of a memory object: the object's own node has the first. */
  private memory(id: number, file: FileState): void {
    const { calls, state } = this.world;
    const home = this.world.objectHome(file.inode.object as number);
    const isFirst = file.inode.first === id && state.objects[file.inode.object as number]?.kind === 'memfd';
    const fd = isFirst
      ? calls.done(calls.restorer, 'dup', [home.fd], calls.machine.sys.dup(calls.restorer, home.fd))
      : calls.done(
          calls.restorer,
          'open',
          [`/proc/${calls.restorer.pid}/fd/${home.fd}`],
          calls.machine.sys.open_fd_link(calls.restorer, calls.restorer.pid, home.fd, file.flags & STATUS),
        );
    if (file.position !== 0n) calls.machine.sys.lseek(calls.restorer, fd, Number(file.position), Seek.Set);
    this.setStatus(fd, file.flags);
    this.own(id, fd);
  }

  /** What a path leads to is made when it is not there, as a container's file system is before a restore. */
  private prepare(file: FileState): void {
    const { calls } = this.world;
    const { restorer, machine } = calls;
    const { inode, path } = file;
    this.directoriesOf(path);
    const type = inode.mode & S_IFMT;
    const found = machine.vfs.lookup(path);
    if (typeof found !== 'number') {
      if (type === S_IFREG && !inode.deleted && BigInt(found.dentry.inode.size) !== inode.size)
        calls.fail(`${path} has ${found.dentry.inode.size} bytes and not ${inode.size}`);
      if (inode.deleted) calls.fail(`${path} was deleted, and there is another file of that name`);
      return;
    }
    this.asOwner(inode, () => {
      if (type === S_IFDIR)
        calls.done(restorer, 'mkdir', [path], machine.sys.mkdir(restorer, path, inode.mode & PERMISSIONS));
      else if (type === S_IFCHR) {
        const device = inode.device ?? 0;
        calls.done(
          restorer,
          'mknod',
          [path, 'S_IFCHR', device],
          machine.sys.mknod(restorer, path, inode.mode & PERMISSIONS, device),
        );
      } else if (type === S_IFREG) this.createRegular(file);
      else calls.fail(`${path} is of a type that cannot be made again`);
    });
  }

  private createRegular({ path, inode }: FileState): void {
    const { calls } = this.world;
    const { restorer, machine } = calls;
    const flags = Open.Creat | Open.Excl | Open.WrOnly;
    const mode = inode.mode & PERMISSIONS;
    const fd = calls.done(
      restorer,
      'open',
      [path, 'O_CREAT|O_EXCL|O_WRONLY', `0${mode.toString(8)}`],
      machine.sys.open(restorer, path, flags, mode),
    );
    const size = Number(inode.size);
    const { content } = inode;
    if (content?.some((byte) => byte !== 0)) this.write(fd, content);
    calls.done(restorer, 'ftruncate', [fd, size], machine.sys.ftruncate(restorer, fd, size));
    this.world.close(restorer, fd);
  }

  private directoriesOf(path: string): void {
    const { calls } = this.world;
    for (let slash = path.indexOf('/', 1); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const directory = path.slice(0, slash);
      if (typeof calls.machine.vfs.lookup(directory) === 'number')
        calls.done(calls.restorer, 'mkdir', [directory], calls.machine.sys.mkdir(calls.restorer, directory));
    }
  }

  /** New files belong to the file-system ids of who makes them. */
  private asOwner({ uid, gid }: { uid: number; gid: number }, make: () => void): void {
    const { calls } = this.world;
    const { sys } = calls.machine;
    const set = (user: number, group: number) => {
      if (user === 0 && group === 0 && uid === 0 && gid === 0) return;
      calls.done(calls.restorer, 'setfsgid', [group], sys.setfsgid(calls.restorer, group));
      calls.done(calls.restorer, 'setfsuid', [user], sys.setfsuid(calls.restorer, user));
    };
    set(uid, gid);
    make();
    set(0, 0);
  }

  private has(id: number): boolean {
    return this.world.hasHome(id);
  }

  private own(id: number, fd: number): void {
    const { restorer } = this.world.calls;
    this.world.setHome(id, { task: restorer, fd });
    this.world.onEnd(() => this.world.close(restorer, fd));
  }

  private write(fd: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { calls } = this.world;
    const written = calls.done(
      calls.restorer,
      'write',
      [fd, `${bytes.length} bytes`],
      calls.machine.sys.write(calls.restorer, fd, bytes),
    );
    if (written < bytes.length) calls.fail(`only ${written} of ${bytes.length} bytes could be written`);
  }

  private setStatus(fd: number, flags: number, task = this.world.calls.restorer): void {
    const { calls } = this.world;
    const changed = flags & (Open.NonBlock | Open.Append);
    if (changed !== 0)
      calls.done(
        task,
        'fcntl',
        [fd, 'F_SETFL', changed],
        calls.machine.sys.fcntl(task, fd, Fcntl.SetFl, changed),
      );
  }
}

/** Puts every file of a table under its number, ascending: the lowest free number is then never a later one's. */
function install(world: RestoreWorld, task: Task, { fds }: FdTableState): void {
  const { calls } = world;
  const { sys } = calls.machine;
  const lenders = new Lenders(world, task);
  for (const { fd, file, closeOnExec } of fds) {
    const home = world.home(file);
    const isOwn = home.task.files === task.files;
    const from = isOwn ? home.fd : lenders.borrow(home);
    if (from === fd) {
      const result = sys.fcntl(task, fd, Fcntl.SetFd, Number(closeOnExec));
      calls.done(task, 'fcntl', [fd, 'F_SETFD', Number(closeOnExec)], result);
    } else {
      const flags = closeOnExec ? Open.CloExec : 0;
      calls.done(task, 'dup3', [from, fd, flags], sys.dup3(task, from, fd, flags));
      if (!isOwn) world.close(task, from);
    }
    // From here on the task has it at hand. Rings are also called by threads that may borrow nothing.
    if (!isOwn && world.state.files[file]?.kind !== 'io_uring') world.setHome(file, { task, fd });
  }
  lenders.close();
}

/** Descriptors for the processes that files are borrowed from, out of the way of what is installed. */
class Lenders {
  private readonly world: RestoreWorld;
  private readonly task: Task;
  private readonly pidfds = new Map<number, number>();

  constructor(world: RestoreWorld, task: Task) {
    this.world = world;
    this.task = task;
  }

  borrow({ task: lender, fd }: Home): number {
    const { calls } = this.world;
    const pidfd = this.pidfds.get(lender.tgid) ?? this.open(lender.tgid);
    const result = calls.machine.sys.pidfd_getfd(this.task, pidfd, fd, 0);
    return calls.done(this.task, 'pidfd_getfd', [pidfd, fd], result);
  }

  close(): void {
    for (const pidfd of this.pidfds.values()) this.world.close(this.task, pidfd);
  }

  private open(pid: number): number {
    const { calls } = this.world;
    const low = calls.machine.sys.pidfd_open(this.task, pid, 0);
    calls.done(this.task, 'pidfd_open', [pid], low);
    const high = this.world.lift(this.task, low);
    this.world.close(this.task, low);
    this.pidfds.set(pid, high);
    return high;
  }
}

/** Adds what an epoll instance watches; numbers that mean another file by now are lent for as long. */
function watch(world: RestoreWorld, id: number, watches: readonly WatchState[]): void {
  const { calls } = world;
  const task = world.task(ownerOf(world, id));
  world.withFile(task, id, (epfd) => {
    for (const item of watches) {
      world.withNumber(task, item.file, item.fd, () => {
        const event = { events: item.events, data: item.data };
        const result = epollCtl(task, epfd, EpollOp.Add, item.fd, event);
        if (typeof result !== 'number') return calls.fail(`epoll_ctl waits for ${result.waitsFor}`);
        calls.done(
          task,
          'epoll_ctl',
          [epfd, 'EPOLL_CTL_ADD', item.fd, `0x${item.events.toString(16)}`],
          result,
        );
      });
    }
  });
}
