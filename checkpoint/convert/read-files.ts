/** Open files as they are read. */
import type { Entry, MessageValue } from '../image/index.ts';
import type {
  Descriptor,
  FdTableState,
  FileOwnerState,
  FileState,
  InodeState,
  SocketState,
  WatchState,
} from '../state.ts';
import { Contents } from './contents.ts';
import { kindOf } from './file-types.ts';
import { fdinfoFile, isReadEnd } from './files.ts';
import { type ImageReader, Place } from './image-reader.ts';
import { idOf, indexOf } from './numbers.ts';

type Extra = MessageValue<'drydock_file_entry'>;
const FD_CLOEXEC = 1;

/** How many tables there are: their numbers have no gaps. */
export function countTables(source: ImageReader): number {
  let count = 0;
  while (source.has(fdinfoFile(count))) count++;
  return count;
}

export function readFdTables(source: ImageReader, count: number, files: number): FdTableState[] {
  return Array.from({ length: count }, (_, table) => {
    const file = fdinfoFile(table);
    let free = 0;
    const fds = source.entries('FDINFO', file).map(({ id, flags, fd }, index): Descriptor => {
      const place = Place.entry(file, index);
      if (fd < free) throw place.field('fd').wrong(`${fd} does not come after the one before`);
      free = fd + 1;
      const open = indexOf(id, files, place.field('id'), 'file');
      return { fd, file: open, closeOnExec: (flags & FD_CLOEXEC) !== 0 };
    });
    return { fds };
  });
}

/** What files refer to, and how many there are. */
export interface FileTargets {
  readonly objects: number;
  /** Index of a ring by the id of its file. */
  readonly rings: ReadonlyMap<number, number>;
}

export interface ReadFiles {
  readonly files: readonly FileState[];
  /** The object that a file is, by the file's id; also of files that are there for mappings alone. */
  readonly memfds: ReadonlyMap<number, number>;
}

/** @param place of drydock.img's entry, which has the extras */
export function readFiles(
  source: ImageReader,
  extras: readonly Extra[],
  place: Place,
  targets: FileTargets,
): ReadFiles {
  const entries = source.entries('FILES', 'files.img');
  const count = extras.length;
  if (entries.length < count) {
    throw place.field('files').wrong(`${count} files, where files.img has ${entries.length}`);
  }
  const reader = new FileReader(source, entries, extras, place, targets);
  return { files: extras.map((_, index) => reader.file(index)), memfds: memfdsOf(entries, targets.objects) };
}

function memfdsOf(entries: readonly Entry<'FILES'>[], objects: number): Map<number, number> {
  const memfds = new Map<number, number>();
  for (const [index, { id, memfd }] of entries.entries()) {
    if (!memfd) continue;
    const place = Place.entry('files.img', index).field('memfd').field('inode_id');
    memfds.set(id, indexOf(memfd.inode_id, objects, place, 'memory object'));
  }
  return memfds;
}

class FileReader {
  private readonly entries: readonly Entry<'FILES'>[];
  private readonly extras: readonly Extra[];
  private readonly place: Place;
  private readonly targets: FileTargets;
  private readonly contents: Contents;
  private readonly pipes: Map<number, Uint8Array>;
  private readonly packets: Map<number, Uint8Array[]>;

  constructor(
    source: ImageReader,
    entries: readonly Entry<'FILES'>[],
    extras: readonly Extra[],
    place: Place,
    targets: FileTargets,
  ) {
    this.entries = entries;
    this.extras = extras;
    this.place = place;
    this.targets = targets;
    this.contents = new Contents(source);
    this.pipes = pipesOf(source);
    this.packets = packetsOf(source, entries);
  }

  file(index: number): FileState {
    const { owner } = this.extras[index] as Extra;
    const file = this.plainFile(index);
    return owner ? { ...file, owner: this.owner(owner, this.place.field('files', index)) } : file;
  }

  private owner(entry: MessageValue<'drydock_owner_entry'>, place: Place): FileOwnerState {
    const { signum: signal, uid, euid, pid_type: type, pid } = entry;
    if (type === undefined && pid === undefined) return { target: undefined, signal, uid, euid };
    const at = place.field('owner');
    return {
      target: { type: at.field('pid_type').need(type), pid: at.field('pid').need(pid) },
      signal,
      uid,
      euid,
    };
  }

  private plainFile(index: number): FileState {
    const entry = this.entries[index] as Entry<'FILES'>;
    const extra = this.extras[index] as Extra;
    const place = Place.entry('files.img', index);
    const own = this.place.field('files', index);
    const kind = kindOf(entry.type);
    if (!kind) throw place.field('type').wrong(`files of type ${entry.type} are in no checkpoint`);
    if (entry.id !== idOf(index)) throw place.field('id').wrong(`is ${entry.id}, not ${idOf(index)}`);
    if (extra.id !== entry.id) throw own.field('id').wrong(`is ${extra.id}, not ${entry.id}`);
    const inode = this.inode(kind, extra, index, own);
    const { path = '', pos = 0n } = extra;
    switch (entry.type) {
      case 'REG': {
        const { flags, pos: position, name } = place.field('reg').need(entry.reg);
        return { kind, flags, position, path: name, inode };
      }
      case 'MEMFD': {
        const { flags, pos: position } = place.field('memfd').need(entry.memfd);
        return { kind, flags, position, path, inode };
      }
      case 'EVENTFD': {
        const { flags, counter } = place.field('efd').need(entry.efd);
        const eventfd = { count: counter, semaphore: extra.semaphore === true };
        return { kind, flags, position: pos, path, inode, eventfd };
      }
      case 'PIPE': {
        const { flags, pipe_id } = place.field('pipe').need(entry.pipe);
        const common = { kind, flags, position: pos, path, inode };
        return isReadEnd({ flags }) ? { ...common, pipe: this.pipe(pipe_id, place) } : common;
      }
      case 'EVENTPOLL': {
        const epfd = place.field('epfd').need(entry.epfd);
        const epoll = this.watches(epfd.tfd, extra.watched, place);
        return { kind, flags: epfd.flags, position: pos, path, inode, epoll };
      }
      case 'UNIXSK': {
        const usk = place.field('usk').need(entry.usk);
        return { kind, flags: usk.flags, position: pos, path, inode, socket: this.socket(usk, index, place) };
      }
      default: {
        const flags = own.field('flags').need(extra.flags);
        const ring = this.targets.rings.get(entry.id);
        return { kind, flags, position: pos, path, inode, ...(ring !== undefined && { ring }) };
      }
    }
  }

  private inode(kind: FileState['kind'], extra: Extra, index: number, place: Place): InodeState {
    const { inode_id, mode, uid, gid, size, deleted = false, device, content: length, shmid } = extra;
    const at = place.field('inode_id');
    const first = indexOf(inode_id, index + 1, at, 'file up to this one with id');
    if (this.extras[first]?.inode_id !== inode_id) throw at.wrong(`file ${inode_id} has another inode`);
    const known = { first, mode, uid, gid, size, deleted };
    if (first !== index) return this.sameInode(known, extra, place);
    const content =
      shmid === undefined
        ? this.contents.of(kind, inode_id, deleted, length, place.field('content'))
        : undefined;
    const object =
      shmid === undefined
        ? undefined
        : indexOf(shmid, this.targets.objects, place.field('shmid'), 'memory object');
    return {
      ...known,
      ...(device !== undefined && { device }),
      ...(content !== undefined && { content }),
      ...(object !== undefined && { object }),
    };
  }

  /** What an inode is and holds stands with the first file that has it. */
  private sameInode(known: InodeState, { device, content, shmid }: Extra, place: Place): InodeState {
    for (const [name, value] of Object.entries({ device, content, shmid })) {
      if (value !== undefined) throw place.field(name).wrong('stands with the first file of the inode only');
    }
    return known;
  }

  private pipe(id: number, place: Place): { content: Uint8Array } {
    const content = this.pipes.get(id);
    if (!content)
      throw place.field('pipe').field('pipe_id').wrong(`pipes-data.img has nothing of pipe ${id}`);
    return { content };
  }

  private watches(
    entries: readonly MessageValue<'eventpoll_tfd_entry'>[],
    watched: readonly number[],
    place: Place,
  ): WatchState[] {
    const epfd = place.field('epfd');
    if (entries.length !== watched.length) {
      throw epfd.field('tfd').wrong(`${entries.length} watches, and drydock.img has ${watched.length} files`);
    }
    return entries.map(({ tfd, events, data }, index) => {
      const at = epfd.field('tfd', index);
      const file = indexOf(watched[index] ?? 0, this.extras.length, at, 'file');
      return { file, fd: tfd, events, data };
    });
  }

  private socket(usk: MessageValue<'unix_sk_entry'>, index: number, place: Place): SocketState {
    const at = place.field('usk').field('peer');
    const peer = usk.peer === 0 ? undefined : indexOf(usk.peer, this.extras.length, at, 'file');
    if (peer !== undefined && this.entries[peer]?.usk?.peer !== idOf(index)) {
      throw at.wrong(`file ${usk.peer} is no socket that is connected with this one`);
    }
    const shutdown = usk.shutdown === undefined ? 0 : SHUTDOWN_BITS[usk.shutdown];
    const received = this.packets.get(idOf(index)) ?? [];
    return { type: usk.type, peer, shutdown, peekOffset: this.extras[index]?.peek_off ?? -1, received };
  }
}

const SHUTDOWN_BITS = { NONE: 0, READ: 1, WRITE: 2, BOTH: 3 } as const;

function pipesOf(source: ImageReader): Map<number, Uint8Array> {
  const pipes = new Map<number, Uint8Array>();
  for (const [index, { pipe_id, extra }] of source.entries('PIPES_DATA', 'pipes-data.img').entries()) {
    const place = Place.entry('pipes-data.img', index).field('pipe_id');
    if (pipes.has(pipe_id)) throw place.wrong(`there is data of pipe ${pipe_id} already`);
    pipes.set(pipe_id, extra);
  }
  return pipes;
}

function packetsOf(source: ImageReader, files: readonly Entry<'FILES'>[]): Map<number, Uint8Array[]> {
  const packets = new Map<number, Uint8Array[]>();
  for (const [index, { id_for, extra }] of source.entries('SK_QUEUES', 'sk-queues.img').entries()) {
    const place = Place.entry('sk-queues.img', index).field('id_for');
    if (files[id_for - 1]?.type !== 'UNIXSK') throw place.wrong(`file ${id_for} is no socket`);
    const queue = packets.get(id_for);
    if (queue) queue.push(extra);
    else packets.set(id_for, [extra]);
  }
  return packets;
}
