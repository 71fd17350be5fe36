/** What comes of executing a request, and what an operation is. */
import { Blocked } from '../lock.ts';
import type { Request } from './request.ts';
import type { Sqe } from './sqe.ts';

/** Who executes: the submitter, with `uring_lock` held and without waiting; or a worker, which holds no lock. */
export type Place = 'inline' | 'worker';

/** The operation sleeps on a lock that somebody else holds. */
export class PendingOperation extends Blocked {
  readonly resume: () => Outcome;

  /** @param resume tries again. */
  constructor(blocked: Blocked, resume: () => Outcome) {
    super(blocked.waitsFor, blocked.holder, blocked.deadlock);
    this.resume = resume;
  }
}

/**
 * - `done`: completed with the result that is set in the request;
 * - `pending`: something else will complete it;
 * - `again`: it would have to wait;
 * - a number: completed with it.
 */
export type Outcome = 'done' | 'pending' | 'again' | PendingOperation | number;

export interface Operation {
  /** `fd` names a file that the operation works on. */
  readonly needsFile?: boolean;
  /** What to wait for when the file is not ready. */
  readonly polls?: 'in' | 'out';
  readonly selectsBuffer?: boolean;
  /** `ioprio` has a meaning. */
  readonly priority?: boolean;
  /** Can be submitted to a ring of IORING_SETUP_IOPOLL. */
  readonly iopoll?: boolean;
  /** Checks and keeps what the entry says. @returns 0 or a negative errno. */
  prepare(request: Request, sqe: Sqe): number;
  execute(request: Request, place: Place): Outcome;
}
