/**
 * One open BPF iterator: its seq_file, the private data behind it and the program it runs.
 *
 * The records a program gets (`bpf_iter_meta`, `bpf_iter__TARGET`) stand on the kernel's stack during a run;
 * here they have a fixed place and are filled anew each time.
 */
import { Errno } from '../../bpf/errno.ts';
import type { Machine } from '../machine.ts';
import type { KernelProfile } from '../profile.ts';
import type { Ram } from '../ram.ts';
import { Record } from '../record.ts';
import { SeqFile } from '../seq-file.ts';
import type { RunProgram } from '../services.ts';
import type { Task } from '../task.ts';

export interface SessionOptions {
  /** Name of the target: "io_uring_buf". */
  target: string;
  /** Struct of the target's private data, or its size in bytes when the kernel's types do not name it. */
  privateData: string | number;
  program: RunProgram;
}

export class IterSession {
  readonly machine: Machine;
  readonly ram: Ram;
  readonly profile: KernelProfile;
  /** The task that reads now; programs run on its behalf. */
  reader: Task | undefined;
  readonly seq: SeqFile;
  /** `struct bpf_iter_priv_data` */
  readonly priv: Record;
  /** Linear offset of the target's private data, right behind it. */
  readonly privateOffset: number;
  /** The target's private data, where its type is known. */
  readonly privateRecord: Record | undefined;
  /** `struct bpf_iter__TARGET`, the program's argument. */
  readonly context: Record;
  private readonly meta: Record;
  private readonly program: RunProgram;
  private readonly at: { sessionId: number; seqNum: number; metaSession: number; metaSeqNum: number };

  constructor(machine: Machine, options: SessionOptions) {
    const { ram, profile } = machine;
    this.machine = machine;
    this.ram = ram;
    this.profile = profile;
    this.program = options.program;
    const privLayout = profile.layout('bpf_iter_priv_data');
    const { privateData } = options;
    const privateLayout = typeof privateData === 'string' ? profile.layout(privateData) : undefined;
    const privateSize = privateLayout ? privateLayout.size : (privateData as number);
    this.priv = machine.heap.allocate('bpf_iter_priv_data', privateSize);
    this.privateOffset = this.priv.offset + privLayout.offset('target_private');
    this.privateRecord = privateLayout && new Record(ram, privateLayout, this.privateOffset);
    this.meta = machine.heap.allocate('bpf_iter_meta');
    this.context = machine.heap.allocate(`bpf_iter__${options.target}`);
    this.seq = new SeqFile(machine.heap);
    this.seq.record.set('private', this.priv.addressOf('target_private'));
    this.meta.point('seq', this.seq.record);
    this.context.point('meta', this.meta);
    this.at = {
      sessionId: this.priv.offset + privLayout.offset('session_id'),
      seqNum: this.priv.offset + privLayout.offset('seq_num'),
      metaSession: this.meta.offset + this.meta.layout.offset('session_id'),
      metaSeqNum: this.meta.offset + this.meta.layout.offset('seq_num'),
    };
  }

  /** The iterator is open; sessions are numbered from 1 on. */
  begin(sessionId: number): void {
    this.priv.set('session_id', sessionId);
  }

  get sessionId(): number {
    return this.priv.get('session_id');
  }

  /** Number of the object shown now. Passing over the first one takes it to -1, which programs see as 2^64 - 1. */
  get seqNum(): number {
    return this.ram.view.getInt32(this.at.seqNum, true);
  }
  set seqNum(value: number) {
    this.ram.view.setInt32(this.at.seqNum, value, true);
    this.ram.view.setInt32(this.at.seqNum + 4, value < 0 ? -1 : 0, true);
  }

  /** The stop call has been made after the last object; it is never made twice. */
  get doneStop(): boolean {
    return this.priv.get('done_stop') !== 0;
  }
  set doneStop(value: boolean) {
    this.priv.set('done_stop', value);
  }

  /**
   * Runs the program over the context record, which the target has filled but for `meta`.
   * @param inStop this is the call after the last object.
   * @returns 0, also when the program is not to run any more; -EAGAIN when it asks for a retry.
   */
  run(inStop: boolean): number {
    if (inStop && this.doneStop) return 0;
    const { view } = this.ram;
    view.setUint32(this.at.metaSession, view.getUint32(this.at.sessionId, true), true);
    view.setInt32(this.at.metaSeqNum, view.getInt32(this.at.seqNum, true), true);
    view.setInt32(this.at.metaSeqNum + 4, view.getInt32(this.at.seqNum + 4, true), true);
    this.machine.current = this.reader;
    return this.program(this.context.address) === 0 ? 0 : -Errno.EAGAIN;
  }

  /** The iterator file is closed. */
  release(): void {
    this.seq.release();
    for (const record of [this.meta, this.context, this.priv]) this.machine.heap.free(record);
  }
}
