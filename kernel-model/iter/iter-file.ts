/** An open iterator as a file: what BPF_ITER_CREATE (or opening a pinned link) gives. */
import { Errno } from '../../bpf/errno.ts';
import { type File, type FileOperations, Open } from '../file.ts';
import { Mutex } from '../lock.ts';
import type { Machine } from '../machine.ts';
import type { Task } from '../task.ts';
import type { IterProgram } from './program.ts';
import { IterReader, type ReadOptions, type ReadResult } from './read.ts';
import { IterSession } from './session.ts';
import type { Attachment } from './target.ts';

export class IterFile {
  readonly session: IterSession;
  /** `seq_file.lock` */
  readonly lock: Mutex;
  private readonly reader: IterReader;
  private readonly program: IterProgram;
  private readonly attachment: Attachment;

  private constructor(session: IterSession, reader: IterReader, lock: Mutex, of: IterOf) {
    this.session = session;
    this.reader = reader;
    this.lock = lock;
    this.program = of.program.get();
    this.attachment = of.attachment;
  }

  /** Opens an iterator; a negative errno when the target refuses. It refers to the program, not to the link. */
  static open(machine: Machine, task: Task, of: IterOf): File | number {
    const session = new IterSession(machine, {
      target: of.target,
      privateData: of.attachment.privateData,
      program: of.program.run,
    });
    const operations = of.attachment.open(session, task);
    if (typeof operations === 'number') {
      session.release();
      return operations;
    }
    session.begin(machine.nextId('bpf_iter_session'));
    const lock = new Mutex(session.seq.record.sub('lock'), 'seq_file.lock');
    const iterator = new IterFile(session, new IterReader(session, operations, lock), lock, of);
    const file = machine.vfs.openPseudo({
      kind: 'anon_inode',
      name: 'bpf_iter',
      ops: iterOperations,
      flags: Open.RdOnly,
      cred: task.cred,
    });
    file.object = iterator;
    file.setPrivate(session.seq.record);
    session.seq.record.point('file', file.record);
    session.seq.record.set('op', machine.symbols.opaque(of.attachment.seqOps));
    return file;
  }

  /** read(2) with a buffer of `length` bytes: see `IterReader.read`. */
  read(task: Task, length: number, options?: ReadOptions): ReadResult {
    return this.reader.read(task, length, options);
  }

  close(): void {
    this.attachment.close?.(this.session);
    this.program.put();
    this.session.release();
  }
}

export interface IterOf {
  target: string;
  program: IterProgram;
  attachment: Attachment;
}

/** No poll: epoll refuses iterators. No llseek. */
const iterOperations: FileOperations = {
  symbol: 'bpf_iter_fops',
  pollable: false,
  release(file) {
    iterFileOf(file)?.close();
  },
  read(file, task, length) {
    const iterator = iterFileOf(file);
    if (!iterator) return -Errno.EINVAL;
    const result = iterator.read(task, length);
    if (result instanceof Uint8Array) file.position += result.length;
    return result;
  },
};

/** The iterator behind a file, if it is one. */
export function iterFileOf(file: File): IterFile | undefined {
  return file.object instanceof IterFile ? file.object : undefined;
}
