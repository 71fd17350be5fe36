/** Finding requests to call off: by user data, file, operation, one or all. */
import { Errno } from '../../bpf/errno.ts';
import type { File } from '../file.ts';
import type { Engine } from './engine.ts';
import type { Request } from './request.ts';
import { CancelFlag } from './uapi.ts';

export interface CancelCriteria {
  userData: bigint;
  /** CancelFlag bits. */
  flags?: number;
  file?: File | undefined;
  opcode?: number;
}

/** Which flags a kernel knows: 5.19 has the first four, 6.6 all. */
export function knownCancelFlags(versionCode: number): number {
  const first = CancelFlag.All | CancelFlag.Fd | CancelFlag.Any | CancelFlag.FdFixed;
  if (versionCode >= 0x6_0600) return first | CancelFlag.UserData | CancelFlag.Op;
  return versionCode >= 0x5_1300 ? first : 0;
}

/** Whether the criteria mean several requests. */
export function cancelsAll(criteria: CancelCriteria): boolean {
  return ((criteria.flags ?? 0) & (CancelFlag.All | CancelFlag.Any)) !== 0;
}

/**
 * Calls off one request, or with All and Any every one that fits.
 * @returns 0 (or, with All and Any, how many), -ENOENT, or -EALREADY for one that is being executed.
 */
export function cancelRequests(engine: Engine, criteria: CancelCriteria): number {
  const sequence = nextSequence(engine);
  if (!cancelsAll(criteria)) return tryCancel(engine, criteria, sequence);
  let count = 0;
  while (tryCancel(engine, criteria, sequence) !== -Errno.ENOENT) count++;
  return count;
}

/** Looks among the workers, then the waiting ones, then the timeouts. */
export function tryCancel(engine: Engine, criteria: CancelCriteria, sequence = nextSequence(engine)): number {
  const all = cancelsAll(criteria);
  const matches = (request: Request) => fits(request, criteria) && !(all && seen(request, sequence));
  const atWork = engine.worker.cancel(matches, all);
  if (atWork === 'cancelled') return 0;
  const waiting = engine.cancelTable.find(matches);
  if (waiting) {
    waiting.cancel();
    return 0;
  }
  const byFile = ((criteria.flags ?? 0) & CancelFlag.Fd) !== 0;
  if (!byFile && engine.timeouts.cancel(matches)) return 0;
  return atWork === 'running' ? -Errno.EALREADY : -Errno.ENOENT;
}

/** `cancel_seq`: each cancellation has a number, so that it meets no request twice. */
function nextSequence({ ring }: Engine): number {
  return ring.ctx.has('cancel_seq') ? ring.ctx.add('cancel_seq', 1) : ring.machine.nextId('cancel_seq');
}

function fits(request: Request, { userData, flags = 0, file, opcode }: CancelCriteria): boolean {
  if ((flags & CancelFlag.Any) !== 0) return true;
  if ((flags & CancelFlag.Fd) !== 0 && request.file !== file) return false;
  if ((flags & CancelFlag.Op) !== 0 && request.opcode !== opcode) return false;
  const byUserData = (flags & CancelFlag.UserData) !== 0 || (flags & (CancelFlag.Fd | CancelFlag.Op)) === 0;
  return !byUserData || request.userData === userData;
}

function seen(request: Request, sequence: number): boolean {
  if (request.cancelSequence === sequence) return true;
  request.cancelSequence = sequence;
  return false;
}
