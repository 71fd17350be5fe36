/** What an iterator target is: how a link attaches to it, and how an open iterator walks it. */
import type { Machine } from '../machine.ts';
import type { Task } from '../task.ts';
import type { IterProgram } from './program.ts';
import type { SeqOperations } from './read.ts';
import type { IterSession } from './session.ts';

/** An object that a link holds on to: a ring, an epoll instance, a map, or a choice of tasks. */
export interface Attachment {
  /** Struct of the private data of an open iterator, or its size in bytes. */
  readonly privateData: string | number;
  /** Kernel symbol of the seq_operations. */
  readonly seqOps: string;
  /** Opens the iterator: sets up its private data. A negative errno to refuse. */
  open(session: IterSession, opener: Task): SeqOperations | number;
  /** The iterator file is closed. */
  close?(session: IterSession): void;
  /** Lines of the link's fdinfo after the target's name. */
  fdinfo?(): string;
  /** Members of bpf_link_info.iter that the target fills, by path in `bpf_link_info`. */
  linkInfo?(): { readonly [path: string]: number | bigint };
  /** The link is gone: lets go of the object. */
  detach(): void;
}

export interface IterTarget {
  /** The program's attach target is FUNC bpf_iter_<name>. */
  readonly name: string;
  /** Whether iteration may sleep between objects (BPF_ITER_RESCHED), so that sleepable programs may attach. */
  readonly mayReschedule: boolean;
  /** @returns a negative errno when there is nothing to attach to. */
  attach(request: AttachRequest): Attachment | number;
}

export interface AttachRequest {
  machine: Machine;
  task: Task;
  program: IterProgram;
  /** union bpf_iter_link_info, zero-extended to 16 bytes. */
  info: DataView;
  /** Whether the caller gave any. */
  given: boolean;
}
