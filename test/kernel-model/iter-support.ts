/** Iterators over a plain list, with a program made of a function: the reading machine without any target. */
import {
  IterReader,
  type ReadOptions,
  type ReadResult,
  type SeqOperations,
  type Step,
} from '../../kernel-model/iter/read.ts';
import { IterSession } from '../../kernel-model/iter/session.ts';
import { Mutex } from '../../kernel-model/lock.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { SeqFile } from '../../kernel-model/seq-file.ts';
import type { Task } from '../../kernel-model/task.ts';

/** What the program sees of one run. */
export interface Run {
  /** Index of the object, -1 in the stop call. */
  object: number;
  seqNum: number;
  session: IterSession;
}

/** Appends as bpf_seq_write does: a buffer that would be filled to the last byte counts as overflowed. */
export function emit(session: IterSession, text: string | number): undefined {
  const { seq, ram } = session;
  const bytes = typeof text === 'number' ? new Uint8Array(text).fill(0x78) : new TextEncoder().encode(text);
  if (seq.count + bytes.length >= seq.size) {
    seq.count = seq.size;
    return undefined;
  }
  const buffer = ram.view.getUint32(seq.record.offset + seq.record.layout.offset('buf'), true);
  new Uint8Array(ram.buffer, buffer + seq.count, bytes.length).set(bytes);
  seq.count += bytes.length;
  return undefined;
}

export interface ListOptions {
  /** Show results by object index that stand in for the program's (1: pass over). */
  show?: (object: number) => number | undefined;
  start?: () => Step | undefined;
  next?: (object: number) => Step | undefined;
}

export class ListIterator {
  readonly session: IterSession;
  readonly lock: Mutex;
  readonly runs: { object: number; seqNum: number }[] = [];
  /** What stop() was given, object indices. */
  readonly stops: (number | 'end' | 'error')[] = [];
  position = 0;
  private readonly reader: IterReader;

  constructor(
    machine: Machine,
    private readonly size: number,
    program: (run: Run) => number | undefined,
    options: ListOptions = {},
  ) {
    let object = 0;
    this.session = new IterSession(machine, {
      target: 'task',
      privateData: 16,
      program: () => {
        const seqNum = Number(machine.ram.view.getBigInt64(this.metaSeqNum, true));
        this.runs.push({ object, seqNum });
        return program({ object, seqNum, session: this.session }) ?? 0;
      },
    });
    this.session.begin(1);
    this.lock = new Mutex(this.session.seq.record.sub('lock'), 'seq_file.lock');
    const at = (index: number): Step => (index < this.size ? BigInt(index + 1) : 0n);
    const operations: SeqOperations = {
      start: (seq: SeqFile) => {
        const given = options.start?.();
        if (given !== undefined) return given;
        if (this.position < this.size && seq.index === 0) seq.index = 1;
        return at(this.position);
      },
      next: (_object: bigint, seq: SeqFile) => {
        seq.index += 1;
        this.position++;
        return options.next?.(this.position) ?? at(this.position);
      },
      show: (pointer: bigint) => {
        object = Number(pointer) - 1;
        return options.show?.(object) ?? this.session.run(false);
      },
      stop: (pointer: Step) => {
        this.stops.push(typeof pointer === 'number' ? 'error' : pointer === 0n ? 'end' : Number(pointer) - 1);
        if (pointer !== 0n) return;
        object = -1;
        this.session.run(true);
      },
    };
    this.reader = new IterReader(this.session, operations, this.lock);
  }

  read(task: Task, length: number, options?: ReadOptions): ReadResult {
    return this.reader.read(task, length, options);
  }

  /** Number of bytes, or the errno. */
  readLength(task: Task, length: number, options?: ReadOptions): number {
    const result = this.read(task, length, options);
    if (typeof result === 'number') return result;
    if (result instanceof Uint8Array) return result.length;
    throw new Error(`the read waits for ${result.waitsFor}`);
  }

  private get metaSeqNum(): number {
    const { context, profile, ram } = this.session;
    const meta = ram.view.getUint32(context.offset + context.layout.offset('meta'), true);
    return meta + profile.layout('bpf_iter_meta').offset('seq_num');
  }
}

/** All that a reader gets with one buffer size, as text. */
export function readAll(read: (length: number) => ReadResult, length: number, limit = 1 << 20): string {
  const decoder = new TextDecoder();
  let text = '';
  for (let calls = 0; calls < limit; calls++) {
    const result = read(length);
    if (!(result instanceof Uint8Array))
      throw new Error(`read: ${typeof result === 'number' ? result : 'waits'}`);
    if (result.length === 0) return text;
    text += decoder.decode(result);
  }
  throw new Error('the iterator does not end');
}
