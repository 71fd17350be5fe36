/** `struct io_kiocb`: one request, from the submission entry that it was made of to its completion. */
import type { Cred } from '../cred.ts';
import type { File } from '../file.ts';
import { Record } from '../record.ts';
import type { Task } from '../task.ts';
import type { Engine } from './engine.ts';
import type { IoUring } from './ring.ts';
import type { Sqe } from './sqe.ts';
import { SqeFlag } from './uapi.ts';

const LINKS = SqeFlag.Link | SqeFlag.HardLink;

/** What an operation keeps between its steps, freed with the request. */
export interface OperationState {
  release?(): void;
}

export class Request {
  readonly engine: Engine;
  readonly task: Task;
  readonly sqe: Sqe;
  readonly record: Record;
  readonly opcode: number;
  /** Next of a chain (IOSQE_IO_LINK). */
  link: Request | undefined;
  /** It failed: what is linked behind it will not run. */
  failed = false;
  /** Punted to a worker before anything else is tried. */
  forceAsync = false;
  /** Never to be tried again: -EAGAIN is its result. */
  noWait = false;
  /** An armed poll has brought it back: it may be executed, whether or not its file can avoid blocking. */
  polled = false;
  /** A LINK_TIMEOUT follows: to be started with it, or running. */
  linkTimeout: 'none' | 'to-arm' | 'armed' = 'none';
  skipsCqe: boolean;
  /** A failure hides the completions of the chain too (IOSQE_CQE_SKIP_SUCCESS). */
  hidesChain = false;
  result = 0;
  cqeFlags = 0;
  file: File | undefined;
  /** The registered file that it uses keeps its slot's node alive; set with `file`. */
  state: OperationState | undefined;
  /** Number of the last cancellation that has looked at it. */
  cancelSequence = -1;
  /** Called once with the request's end: what it holds of registered resources. */
  releaseResource: (() => void) | undefined;
  private user: bigint;
  private bits: number;
  private credentials: Cred | undefined;
  private ended = false;

  constructor(engine: Engine, task: Task, sqe: Sqe) {
    this.engine = engine;
    this.task = task;
    this.sqe = sqe;
    this.opcode = sqe.opcode;
    this.bits = sqe.flags;
    this.user = sqe.userData;
    this.skipsCqe = (sqe.flags & SqeFlag.CqeSkipSuccess) !== 0;
    this.forceAsync = (sqe.flags & SqeFlag.Async) !== 0;
    this.record = engine.ring.machine.heap.allocate('io_kiocb');
    this.record.assign({ opcode: sqe.opcode, flags: sqe.flags, refs: 1 });
    this.record.point('ctx', engine.ring.ctx).point('task', task.record);
    this.userData = sqe.userData;
  }

  get ring(): IoUring {
    return this.engine.ring;
  }

  /** IOSQE_*: those of the entry, and what its chain and the order of submissions make of them. */
  get flags(): number {
    return this.bits;
  }
  set flags(flags: number) {
    this.bits = flags;
    this.record.set('flags', flags);
  }

  get userData(): bigint {
    return this.user;
  }
  set userData(value: bigint) {
    this.user = value;
    this.record.set(this.record.has('cqe.user_data') ? 'cqe.user_data' : 'user_data', value);
  }

  /** Whether it is neither completed nor given up. */
  get live(): boolean {
    return !this.ended;
  }

  get linked(): boolean {
    return (this.flags & LINKS) !== 0;
  }

  has(flag: SqeFlag): boolean {
    return (this.flags & flag) !== 0;
  }

  /** Credentials of IORING_REGISTER_PERSONALITY; those of the task for undefined. */
  get creds(): Cred | undefined {
    return this.credentials;
  }
  set creds(cred: Cred | undefined) {
    this.credentials = cred?.get();
    this.record.point('creds', cred?.record);
  }

  /** Takes over the caller's reference to the file. */
  attach(file: File): void {
    this.file = file;
    this.record.point('file', file.record);
  }

  chain(next: Request | undefined): void {
    this.link = next;
    this.record.point('link', next?.record);
  }

  /** Marks it as failed; a completion that was to be skipped is then posted after all. */
  fail(): void {
    this.failed = true;
    if (!this.skipsCqe) return;
    this.skipsCqe = false;
    this.hidesChain = true;
  }

  setResult(result: number, cqeFlags = 0): void {
    this.result = result;
    this.cqeFlags = cqeFlags;
    const { record } = this;
    if (record.has('cqe.res')) record.set('cqe.res', result).set('cqe.flags', cqeFlags);
    else record.set('result', result).set('cflags', cqeFlags);
  }

  /** The operation's own part of the record, as the first of the structs that this kernel has. */
  command(...structs: string[]): Record {
    const { profile, ram } = this.ring.machine;
    const name = structs.find((struct) => profile.hasLayout(struct));
    if (!name) throw new Error(`this kernel has none of ${structs.join(', ')}`);
    return new Record(ram, profile.layout(name), this.record.offset);
  }

  /** Frees it. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.state?.release?.();
    this.state = undefined;
    this.releaseResource?.();
    this.file?.put();
    this.file = undefined;
    this.credentials?.put();
    this.ring.machine.heap.free(this.record);
  }
}
