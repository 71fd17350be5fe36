/**
 * What a random scene consists of: processes, and one thing after the other that a task does. What scene files have no
 * word for is a system call with numbers. All of it is JSON, so that a scene can be kept.
 */
import type { EventSpec, TaskSpec } from '../../../kernel-model/scene/index.ts';

export interface RandomScene {
  readonly kernel: string;
  readonly tasks: readonly TaskSpec[];
  readonly steps: readonly Step[];
}

export type Step = EventSpec | CallStep;

export interface CallStep {
  readonly task: number;
  readonly call: CallName;
  readonly args: readonly number[];
}

export type CallName =
  | 'setresuid'
  | 'setresgid'
  | 'setgroups'
  /** Descriptor, O_*. */
  | 'set_flags'
  | 'lseek'
  | 'read'
  | 'ftruncate'
  /** SOCK_* */
  | 'socketpair'
  /** Descriptor: nothing more is sent. */
  | 'shutdown'
  /** Descriptor, SO_PEEK_OFF. */
  | 'peek_from'
  | 'mprotect'
  | 'madvise'
  /** Old address, its length, length and address of the new place. */
  | 'mremap'
  /** RLIMIT_MEMLOCK, soft and hard. */
  | 'memlock'
  /** Ring, completions: io_uring_enter, which does not return. */
  | 'await';

export function isCall(step: Step): step is CallStep {
  return 'call' in step;
}
