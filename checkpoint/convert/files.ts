/** Open files as they are written: CRIU's message for each, and what it has no field for. */
import type { EntryInit, MessageInit } from '../image/index.ts';
import type { CheckpointState, FdTableState, FileOwnerState, FileState, SocketState } from '../state.ts';
import { type AddedFiles, NO_OWNER } from './added-files.ts';
import { nothingLeft } from './exhaustive.ts';
import { type FdType, typeOf } from './file-types.ts';
import type { ImageWriter } from './image-writer.ts';
import { idOf } from './numbers.ts';
import { shmidOf } from './objects.ts';

const FD_CLOEXEC = 1;
const O_ACCMODE = 3;
/** unix_sk_entry.state */
const ESTABLISHED = 1;
const CLOSE = 7;
/** What a socket has when nobody set its buffers. */
const SOCKET_BUFFER = 212992;

const SOCKET_OPTIONS = {
  so_sndbuf: SOCKET_BUFFER,
  so_rcvbuf: SOCKET_BUFFER,
  so_snd_tmo_sec: 0n,
  so_snd_tmo_usec: 0n,
  so_rcv_tmo_sec: 0n,
  so_rcv_tmo_usec: 0n,
} as const satisfies MessageInit<'sk_opts_entry'>;

export function fdinfoFile(table: number): string {
  return `fdinfo-${idOf(table)}.img`;
}

/** Only what is read from a pipe's read end is in it. */
export function isReadEnd({ flags }: { readonly flags: number }): boolean {
  return (flags & O_ACCMODE) === 0;
}

/** fdinfo-N.img, files.img, pipes-data.img and sk-queues.img. */
export function writeFiles(state: CheckpointState, added: AddedFiles, out: ImageWriter): void {
  for (const [table, { fds, ...rest }] of state.fdTables.entries()) {
    nothingLeft(rest);
    out.put(
      'FDINFO',
      fdinfoFile(table),
      fds.map((fd) => fdEntry(state, fd)),
    );
  }
  out.put('FILES', 'files.img', [
    ...state.files.map((file, index) => fileEntry(state, file, index)),
    ...added.entries(),
  ]);
  out.put('PIPES_DATA', 'pipes-data.img', pipeEntries(state));
  out.put('SK_QUEUES', 'sk-queues.img', packetEntries(state));
}

function fdEntry(state: CheckpointState, descriptor: FdTableState['fds'][number]): EntryInit<'FDINFO'> {
  const { fd, file, closeOnExec, ...rest } = descriptor;
  nothingLeft(rest);
  const open = state.files[file];
  const type: FdType = open ? typeOf(state, open) : 'UND';
  return { id: idOf(file), flags: closeOnExec ? FD_CLOEXEC : 0, type, fd };
}

function fileEntry(state: CheckpointState, file: FileState, index: number): EntryInit<'FILES'> {
  const { flags, position: pos } = file;
  const id = idOf(index);
  const type = typeOf(state, file);
  const entry = { type, id };
  const fown = fownEntry(file);
  switch (type) {
    case 'REG': {
      const { size, mode } = file.inode;
      return { ...entry, reg: { id, flags, pos, fown, name: file.path, size, mode } };
    }
    case 'MEMFD': {
      const object = state.files[file.inode.first]?.inode.object ?? 0;
      return { ...entry, memfd: { id, flags, pos, fown, inode_id: shmidOf(object) } };
    }
    case 'EVENTFD':
      return { ...entry, efd: { id, flags, fown, counter: file.eventfd?.count ?? 0n } };
    case 'PIPE':
      return { ...entry, pipe: { id, pipe_id: idOf(file.inode.first), flags, fown } };
    case 'EVENTPOLL':
      return { ...entry, epfd: { id, flags, fown, tfd: watchEntries(file, id) } };
    case 'UNIXSK':
      return { ...entry, usk: socketEntry(file, id) };
    default:
      return { ...entry, ext: { id, fown } };
  }
}

/** What is watched is in the file's own entry in drydock.img: the number may mean another file by now. */
function watchEntries({ epoll = [] }: FileState, id: number): MessageInit<'eventpoll_tfd_entry'>[] {
  return epoll.map(({ fd, events, data, file: _file, ...rest }) => {
    nothingLeft(rest);
    return { id, tfd: fd, events, data };
  });
}

function socketEntry(file: FileState, id: number): MessageInit<'unix_sk_entry'> {
  const { flags, socket } = file;
  const { type, peer, shutdown, peekOffset: _peek, received: _, ...rest } = socket ?? NO_SOCKET;
  nothingLeft(rest);
  return {
    id,
    ino: id,
    type,
    state: peer === undefined ? CLOSE : ESTABLISHED,
    flags,
    uflags: 0,
    backlog: 0,
    peer: peer === undefined ? 0 : idOf(peer),
    fown: fownEntry(file),
    opts: SOCKET_OPTIONS,
    name: new Uint8Array(),
    ...(shutdown === 0 ? {} : { shutdown: SHUTDOWNS[shutdown] }),
  };
}

const NO_SOCKET: SocketState = { type: 0, peer: undefined, shutdown: 0, peekOffset: -1, received: [] };
/** By the bits of what a socket does no more: receive 1, send 2. */
const SHUTDOWNS = ['NONE', 'READ', 'WRITE', 'BOTH'] as const;

/** Each pipe once, however often its read end is open. */
function pipeEntries({ files }: CheckpointState): EntryInit<'PIPES_DATA'>[] {
  const pipes = new Map<number, Uint8Array>();
  for (const { pipe, inode } of files) {
    if (!pipe || pipes.has(inode.first)) continue;
    const { content, ...rest } = pipe;
    nothingLeft(rest);
    pipes.set(inode.first, content);
  }
  return [...pipes].map(([first, content]) => ({
    pipe_id: idOf(first),
    bytes: content.length,
    extra: content,
  }));
}

function packetEntries({ files }: CheckpointState): EntryInit<'SK_QUEUES'>[] {
  return files.flatMap(({ socket }, index) =>
    (socket?.received ?? []).map((packet) => ({ id_for: idOf(index), length: packet.length, extra: packet })),
  );
}

/** What CRIU's message for the file has no field for, and the inode behind it. */
export function fileExtra(
  state: CheckpointState,
  file: FileState,
  index: number,
): MessageInit<'drydock_file_entry'> {
  const { kind, flags, position, owner, path, inode, eventfd, epoll, ring: _ring, ...rest } = file;
  const { pipe: _pipe, socket, ...left } = rest;
  nothingLeft(left);
  const type = typeOf(state, file);
  const { semaphore = false, count: _count, ...others } = eventfd ?? { count: 0n };
  nothingLeft(others);
  return {
    id: idOf(index),
    ...inodeFields(inode),
    ...(owner && { owner: ownerEntry(owner) }),
    ...(type !== 'REG' && path !== '' && { path }),
    ...(type !== 'REG' && type !== 'MEMFD' && position !== 0n && { pos: position }),
    ...(kind === 'io_uring' && { flags }),
    ...(semaphore && { semaphore }),
    ...(socket && socket.peekOffset >= 0 && { peek_off: socket.peekOffset }),
    watched: (epoll ?? []).map((watch) => idOf(watch.file)),
  };
}

function ownerEntry({
  target,
  signal,
  uid,
  euid,
  ...rest
}: FileOwnerState): MessageInit<'drydock_owner_entry'> {
  nothingLeft(rest);
  return { signum: signal, uid, euid, ...(target && { pid_type: target.type, pid: target.pid }) };
}

/** As CRIU's messages have it. */
function fownEntry({ owner }: FileState): MessageInit<'fown_entry'> {
  if (!owner?.target) return NO_OWNER;
  const { target, signal, uid, euid } = owner;
  return { uid, euid, signum: signal, pid_type: target.type, pid: target.pid };
}

function inodeFields({
  first,
  mode,
  uid,
  gid,
  device,
  size,
  deleted,
  content,
  object,
  ...rest
}: FileState['inode']) {
  nothingLeft(rest);
  return {
    inode_id: idOf(first),
    mode,
    uid,
    gid,
    size,
    ...(deleted && { deleted }),
    ...(device !== undefined && { device }),
    ...(content !== undefined && { content: BigInt(content.length) }),
    ...(object !== undefined && { shmid: shmidOf(object) }),
  };
}
