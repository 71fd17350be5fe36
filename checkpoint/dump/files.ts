/** Open files: what each is and holds. A file gets its id when something that is dumped refers to it. */
import type { FileState, InodeState, SocketState, WatchState } from '../state.ts';
import { type Census, isKind } from './census.ts';
import type { Dumper } from './dumper.ts';
import type { CheckpointPrograms } from './programs.ts';
import { FileKind, type RawFile, type RawWatch } from './raw.ts';
import { textOf } from './records.ts';
import type { Refusals } from './refusal.ts';

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const S_IFREG = 0o100000;
const EFD_SEMAPHORE = 1;
const SOCK_STREAM = 1;
const SOCK_SEQPACKET = 5;
const RECEIVES_NO_MORE = 1;
const DELETED = ' (deleted)';
/** O_* that say how a file was opened, and are not kept by fcntl. */
const O_ACCMODE = 3;
const O_RDONLY = 0;

const KINDS: { readonly [kind: number]: FileState['kind'] } = {
  [FileKind.Regular]: 'regular',
  [FileKind.Eventfd]: 'eventfd',
  [FileKind.IoUring]: 'io_uring',
  [FileKind.Pipe]: 'pipe',
  [FileKind.Epoll]: 'epoll',
  [FileKind.Socket]: 'socket',
};

/** Where a file can be got at: a descriptor of some process. */
export interface Holder {
  readonly tid: number;
  readonly fd: number;
}

export interface FileServices {
  readonly census: Census;
  readonly dumper: Dumper;
  readonly programs: CheckpointPrograms;
  readonly refusals: Refusals;
  /** Id of the memory object that a file is. */
  readonly objectOf: (file: RawFile) => number | undefined;
  /** Index of a ring by its file. */
  readonly ringOf: (file: bigint) => number | undefined;
}

/** An eventfd that only rings hold: it has a counter, but no file. */
export interface LoneEventfd {
  readonly address: bigint;
  readonly count: bigint;
  readonly semaphore: boolean;
}

export class Files {
  private readonly census: Census;
  private readonly ids = new Map<bigint, number>();
  private readonly order: (RawFile | LoneEventfd)[] = [];
  /** First file of each inode, by the inode's address, and sockets by inode number. */
  private readonly firsts = new Map<bigint, number>();
  private readonly sockets = new Map<bigint, number>();
  /** Eventfd counters by address, and who holds them by file. */
  private readonly counters = new Map<bigint, number>();

  constructor(census: Census) {
    this.census = census;
    for (const { file } of census.fds) this.id(file);
  }

  /** Id of a file by its address; undefined for kinds that cannot be dumped, and for unknown files. */
  id(address: bigint): number | undefined {
    const known = this.ids.get(address);
    if (known !== undefined) return known;
    const raw = this.census.files.get(address);
    if (!raw || KINDS[raw.what] === undefined) return undefined;
    const id = this.order.length;
    this.ids.set(address, id);
    this.order.push(raw);
    if (!this.firsts.has(raw.inode)) this.firsts.set(raw.inode, id);
    if (raw.what === FileKind.Socket) this.sockets.set(raw.ino, id);
    if (raw.what === FileKind.Eventfd && !this.counters.has(raw.object)) this.counters.set(raw.object, id);
    return id;
  }

  /** A file of the eventfd with a counter; one without any file gets a place of its own. */
  eventfd(lone: LoneEventfd): number {
    const known = this.counters.get(lone.address);
    if (known !== undefined) return known;
    const id = this.order.length;
    this.order.push(lone);
    this.counters.set(lone.address, id);
    return id;
  }

  get size(): number {
    return this.order.length;
  }

  raw(id: number): RawFile | LoneEventfd {
    return this.order[id] as RawFile | LoneEventfd;
  }

  /** Watches bring further files in, so the list may grow while it is written. */
  states(services: FileServices): FileState[] {
    const writer = new FileWriter(this, services);
    const states: FileState[] = [];
    for (let id = 0; id < this.order.length; id++) states.push(writer.state(id));
    return states;
  }

  /** Lowest id of a file with the same inode. */
  firstOf(inode: bigint): number {
    return this.firsts.get(inode) as number;
  }

  /** Id of the socket with an inode number. */
  socket(ino: bigint): number | undefined {
    return this.sockets.get(ino);
  }
}

class FileWriter {
  private readonly files: Files;
  private readonly services: FileServices;

  constructor(files: Files, services: FileServices) {
    this.files = files;
    this.services = services;
  }

  state(id: number): FileState {
    const raw = this.files.raw(id);
    if (!isFile(raw)) return loneState(id, raw);
    const holder = this.services.census.holders.get(raw.file);
    const kind = KINDS[raw.what] as FileState['kind'];
    const first = this.files.firstOf(raw.inode);
    const common = {
      kind,
      flags: raw.flags,
      position: raw.position,
      ...this.ownerOf(raw),
      path: pathOf(raw),
      inode: this.inodeOf(raw, first, id === first, holder),
    };
    switch (kind) {
      case 'eventfd':
        return {
          ...common,
          eventfd: { count: raw.count, semaphore: (raw.object_flags & EFD_SEMAPHORE) !== 0 },
        };
      case 'pipe':
        return (raw.flags & O_ACCMODE) === O_RDONLY ? { ...common, pipe: this.pipeOf(raw, holder) } : common;
      case 'socket':
        return { ...common, socket: this.socketOf(raw, holder) };
      case 'epoll':
        return { ...common, epoll: this.watchesOf(raw, holder) };
      case 'io_uring': {
        const ring = this.services.ringOf(raw.file);
        if (ring === undefined)
          this.services.refusals.add(23, `ring ${raw.ino}`, 'has no descriptor to look into it by');
        return ring === undefined ? common : { ...common, ring };
      }
      default:
        return common;
    }
  }

  private ownerOf(raw: RawFile): Pick<FileState, 'owner'> {
    if (raw.owner === 0 && raw.owner_signal === 0) return {};
    const { tasks } = this.services.census;
    const known = raw.owner === 0 || tasks.some(({ tid }) => tid === raw.owner);
    if (!known)
      this.services.refusals.add(22, rawPath(raw), `signals process ${raw.owner}, which is not dumped`);
    const target = raw.owner !== 0 && known ? { type: raw.owner_type, pid: raw.owner } : undefined;
    return { owner: { target, signal: raw.owner_signal, uid: raw.owner_uid, euid: raw.owner_euid } };
  }

  private inodeOf(raw: RawFile, first: number, isFirst: boolean, holder: Holder | undefined): InodeState {
    const object = this.services.objectOf(raw);
    const deleted = object === undefined && isDeleted(raw);
    const known = { first, mode: raw.mode, uid: raw.uid, gid: raw.gid, size: raw.size, deleted };
    if (!isFirst) return known;
    if (object !== undefined) return { ...known, object };
    if ((raw.mode & S_IFMT) === S_IFCHR) return { ...known, device: raw.rdev };
    if ((raw.mode & S_IFMT) !== S_IFREG || raw.what !== FileKind.Regular) return known;
    return { ...known, content: this.contentOf(raw, deleted, holder) };
  }

  private contentOf(raw: RawFile, deleted: boolean, holder: Holder | undefined): Uint8Array {
    const { dumper, refusals } = this.services;
    const what = rawPath(raw) || `inode ${raw.ino}`;
    if (holder) return dumper.readWhole(() => dumper.openFd(holder.tid, holder.fd), Number(raw.size), what);
    if (!deleted) return dumper.readWhole(() => dumper.open(rawPath(raw)), Number(raw.size), what);
    refusals.add(52, what, 'is deleted and has no descriptor: nothing but the ring can read it');
    return new Uint8Array();
  }

  private pipeOf(raw: RawFile, holder: Holder | undefined): { content: Uint8Array } {
    const { dumper, refusals } = this.services;
    if (!holder) {
      refusals.add(52, rawPath(raw), 'has no descriptor to look into it by');
      return { content: new Uint8Array() };
    }
    return { content: dumper.withFd(holder.tid, holder.fd, (fd) => dumper.peekPipe(fd)) };
  }

  private socketOf(raw: RawFile, holder: Holder | undefined): SocketState {
    const { dumper, refusals } = this.services;
    const type = Number(raw.count);
    const seen = dumper.unixSocket(raw.ino);
    const what = rawPath(raw);
    if (!seen) refusals.add(undefined, what, 'is no unix socket');
    const peer = seen && seen.peer !== 0 ? this.files.socket(BigInt(seen.peer)) : undefined;
    if (seen && seen.peer !== 0 && peer === undefined)
      refusals.add(undefined, what, 'is connected with a socket outside of the processes that are dumped');
    const over = seen?.peer === 0 || ((seen?.shutdown ?? 0) & RECEIVES_NO_MORE) !== 0;
    const ends = type === SOCK_STREAM || (type === SOCK_SEQPACKET && over);
    if (!holder && (seen?.queued ?? 0) > 0)
      refusals.add(52, what, 'has received something, and no descriptor to read it by');
    const content = holder
      ? dumper.withFd(holder.tid, holder.fd, (fd) => dumper.peekSocket(fd, type === SOCK_STREAM, ends))
      : { received: [], peekOffset: -1 };
    const bytes = content.received.reduce((sum, { length }) => sum + length, 0);
    if (holder && ends && bytes < (seen?.queued ?? 0))
      refusals.add(undefined, what, 'has received an empty message, which looks like the end');
    return { type, peer, shutdown: seen?.shutdown ?? 0, ...content };
  }

  private watchesOf(raw: RawFile, holder: Holder | undefined): WatchState[] {
    const { census, programs, refusals } = this.services;
    if (!holder) {
      refusals.add(85, rawPath(raw), 'has no descriptor to attach an iterator to');
      return [];
    }
    const label = `epoll instance ${holder.fd} of task ${holder.tid}`;
    const choice = { kind: 'file', pid: holder.tid, fd: holder.fd, label } as const;
    const watches: RawWatch[] = [];
    for (const record of programs.run('epolls', 'dump_watches', choice)) {
      if (isKind<RawWatch>(record, 'watch')) watches.push(record);
      else if (isKind<RawFile>(record, 'file') && !census.files.has(record.file))
        census.files.set(record.file, record);
    }
    const states = watches.flatMap(({ file, fd, events, data }) => {
      const id = this.files.id(file);
      if (id === undefined)
        refusals.add(85, label, `watches descriptor ${fd}, of a kind that cannot be dumped`);
      return id === undefined ? [] : [{ file: id, fd, events, data }];
    });
    return states.sort((a, b) => a.file - b.file || a.fd - b.fd);
  }
}

function isFile(file: RawFile | LoneEventfd): file is RawFile {
  return 'what' in file;
}

/** As d_path writes it. */
export function rawPath(raw: RawFile): string {
  return textOf(raw.tail);
}

/** Pipes, sockets and the like have none: what d_path prints of them is a number. */
function pathOf(raw: RawFile): string {
  if (raw.what !== FileKind.Regular) return '';
  const path = rawPath(raw);
  return isDeleted(raw) ? path.slice(0, -DELETED.length) : path;
}

function isDeleted(raw: RawFile): boolean {
  return raw.links === 0 && rawPath(raw).endsWith(DELETED);
}

function loneState(id: number, { count, semaphore }: LoneEventfd): FileState {
  return {
    kind: 'eventfd',
    flags: 2,
    position: 0n,
    path: '',
    inode: { first: id, mode: 0, uid: 0, gid: 0, size: 0n, deleted: false },
    eventfd: { count, semaphore },
  };
}
