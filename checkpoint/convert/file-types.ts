/** Which of CRIU's types a file is of. */
import type { ValueOf } from '../image/index.ts';
import type { CheckpointState, FileState } from '../state.ts';

export type FdType = ValueOf<'fd_types'>;

const TYPES = {
  regular: 'REG',
  eventfd: 'EVENTFD',
  /** As files of CRIU's plugins; CRIU and crit refuse types that they do not know. The ring is in io_uring.img. */
  io_uring: 'EXT',
  pipe: 'PIPE',
  epoll: 'EVENTPOLL',
  socket: 'UNIXSK',
} as const satisfies Record<FileState['kind'], FdType>;

export function typeOf({ files, objects }: CheckpointState, { kind, inode }: FileState): FdType {
  const object = files[inode.first]?.inode.object;
  const isMemfd = object !== undefined && objects[object]?.kind === 'memfd';
  return kind === 'regular' && isMemfd ? 'MEMFD' : TYPES[kind];
}

/** Undefined for types that no state has. */
export function kindOf(type: FdType): FileState['kind'] | undefined {
  if (type === 'MEMFD') return 'regular';
  return (Object.keys(TYPES) as FileState['kind'][]).find((kind) => TYPES[kind] === type);
}
