/** Which files can be read and written without ever making the caller wait. */
import type { Dialect } from '../dialect.ts';
import { type File, Open } from '../file.ts';
import { FileType } from '../inode.ts';

/** 6.4: pipes can be read and written without blocking. */
const PIPE_NOWAIT_VERSION = 0x6_0400;

/** Whether an attempt returns at once: by the kind of file, or because the file is O_NONBLOCK. */
export function supportsNowait(file: File, dialect: Dialect): boolean {
  if ((file.flags & Open.NonBlock) !== 0) return true;
  const type = file.inode.mode & FileType.Mask;
  if (type === FileType.Regular || type === FileType.Socket) return true;
  if (type === FileType.Fifo) return dialect.versionCode >= PIPE_NOWAIT_VERSION;
  return file.ops.symbol === 'eventfd_fops';
}
