/** A world that grows step by step. A step that the kernel refuses has whatever effect it had before that. */
import { InputError } from '../../../bpf/input-error.ts';
import { SocketOption } from '../../../kernel-model/channel-syscalls.ts';
import { Fcntl, Seek } from '../../../kernel-model/file-syscalls.ts';
import { ioUringEnter } from '../../../kernel-model/io-uring/enter.ts';
import { Enter } from '../../../kernel-model/io-uring/uapi.ts';
import { Remap } from '../../../kernel-model/memory-syscalls.ts';
import { performEvent } from '../../../kernel-model/scene/build-events.ts';
import { Builder } from '../../../kernel-model/scene/builder.ts';
import { parseScene } from '../../../kernel-model/scene/index.ts';
import { Rlimit, type Task } from '../../../kernel-model/task.ts';
import type { Session } from '../../../session/session.ts';
import { openLent } from './lent-memory.ts';
import { type CallName, type CallStep, isCall, type RandomScene, type Step } from './step.ts';

const AF_UNIX = 1;
const SOL_SOCKET = 1;
const SHUT_WR = 1;

export class GrowingScene {
  readonly session: Session;
  /** All that were tried. */
  readonly steps: Step[] = [];
  private readonly builder: Builder;
  private readonly start: Omit<RandomScene, 'steps'>;

  private constructor(session: Session, builder: Builder, start: Omit<RandomScene, 'steps'>) {
    this.session = session;
    this.builder = builder;
    this.start = start;
  }

  static async plant(start: Omit<RandomScene, 'steps'>): Promise<GrowingScene> {
    const source = parseScene(JSON.stringify({ tasks: start.tasks }), 'random');
    const session = await openLent(source, start.kernel);
    return new GrowingScene(session, new Builder(session.machine, source), start);
  }

  /** The scene again from what is known of it. */
  static async regrow(scene: RandomScene): Promise<GrowingScene> {
    const grown = await GrowingScene.plant(scene);
    for (const step of scene.steps) grown.take(step);
    return grown;
  }

  get scene(): RandomScene {
    return { ...this.start, steps: this.steps };
  }

  /** @returns whether the kernel has done it */
  take(step: Step): boolean {
    this.steps.push(step);
    try {
      if (isCall(step)) return this.call(step);
      performEvent(this.builder, step, []);
      return true;
    } catch (error) {
      if (error instanceof InputError) return false;
      throw error;
    }
  }

  private call({ task: tid, call, args }: CallStep): boolean {
    const task = this.session.machine.tasks.get(tid);
    if (!task || task.exited) return false;
    const result = CALLS[call](this.session, task, args);
    return typeof result === 'number' ? result >= 0 : Array.isArray(result) || result instanceof Uint8Array;
  }
}

type Make = (session: Session, task: Task, args: readonly number[]) => unknown;

const CALLS: { readonly [name in CallName]: Make } = {
  setresuid: ({ machine: { sys } }, task, [real = 0, effective = 0, saved = 0]) =>
    sys.setresuid(task, real, effective, saved),
  setresgid: ({ machine: { sys } }, task, [real = 0, effective = 0, saved = 0]) =>
    sys.setresgid(task, real, effective, saved),
  setgroups: ({ machine: { sys } }, task, groups) => sys.setgroups(task, groups),
  set_flags: ({ machine: { sys } }, task, [fd = -1, flags = 0]) => sys.fcntl(task, fd, Fcntl.SetFl, flags),
  lseek: ({ machine: { sys } }, task, [fd = -1, position = 0]) => sys.lseek(task, fd, position, Seek.Set),
  read: ({ machine: { sys } }, task, [fd = -1, length = 0]) => sys.read(task, fd, length),
  ftruncate: ({ machine: { sys } }, task, [fd = -1, size = 0]) => sys.ftruncate(task, fd, size),
  socketpair: ({ machine: { sys } }, task, [type = 1]) => sys.socketpair(task, AF_UNIX, type),
  shutdown: ({ machine: { sys } }, task, [fd = -1]) => sys.shutdown(task, fd, SHUT_WR),
  peek_from: ({ machine: { sys } }, task, [fd = -1, offset = 0]) =>
    sys.setsockopt(task, fd, SOL_SOCKET, SocketOption.PeekOffset, offset),
  mprotect: ({ machine: { sys } }, task, [address = 0, length = 0, prot = 0]) =>
    sys.mprotect(task, address, length, prot),
  madvise: ({ machine: { sys } }, task, [address = 0, length = 0, advice = 0]) =>
    sys.madvise(task, address, length, advice),
  mremap: ({ machine: { sys } }, task, [address = 0, old = 0, length = 0, to = 0]) =>
    sys.mremap(task, address, old, length, Remap.MayMove | Remap.Fixed, to),
  memlock: ({ machine: { sys } }, task, [soft = 0, hard = 0]) => {
    const result = sys.prlimit64(task, task.pid, Rlimit.MemLock, { soft, hard });
    return typeof result === 'number' ? result : 0;
  },
  await: ({ machine }, task, [fd = -1, count = 0]) => {
    const result = ioUringEnter(machine, task, fd, 0, count, Enter.GetEvents);
    return typeof result === 'number' ? result : 0;
  },
};
