/** What tasks submit to their rings, and what they find in the completion queue. */
import { errnoName } from '../../bpf/errno-name.ts';
import { ioUringEnter } from '../io-uring/enter.ts';
import { IoUring } from '../io-uring/ring.ts';
import { Enter, Setup } from '../io-uring/uapi.ts';
import { UserQueue } from '../io-uring/user-queue.ts';
import { MapFlag } from '../memory-syscalls.ts';
import type { Task } from '../task.ts';
import { Prot } from '../vma.ts';
import type { Builder } from './builder.ts';
import { type Entry, entryOf } from './entries.ts';
import type { CompletionSpec, EntrySpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** Number of an entry that no ring has. */
const BAD_INDEX = 0xffff_ffff;
/** Beyond the last errno that has a name. */
const MAX_ERRNO = 200;

/** Memory that entries point at, while they are submitted. */
interface Scratch {
  address: number;
  used: number;
}

const SCRATCH_SIZE = 1 << 16;

export class SubmissionBuilder {
  private readonly builder: Builder;
  private readonly task: Task;

  constructor(builder: Builder, task: Task) {
    this.builder = builder;
    this.task = task;
  }

  /** Fills entries and has them submitted. */
  submit(fd: number, specs: readonly EntrySpec[], path: ScenePath, scope: Scope): void {
    const ring = this.ring(fd, path);
    const queue = new UserQueue(ring);
    const scratch = this.makeScratch();
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      scope.repeat(spec, at, (inner) => {
        // A chain stands in one submission, so nothing is submitted before the queue is full.
        if (queue.room <= 0 || scratch.used > SCRATCH_SIZE / 2) this.enter(fd, ring, at, scratch);
        if (!this.push(queue, spec, at, inner, scratch)) {
          throw this.builder.source.error(at, 'the submission queue is full');
        }
      });
    }
    this.enter(fd, ring, path, scratch);
    this.builder.machine.sys.munmap(this.task, scratch.address, SCRATCH_SIZE);
  }

  /** Fills entries that nobody submits. */
  prepare(fd: number, specs: readonly EntrySpec[], path: ScenePath, scope: Scope): void {
    const queue = new UserQueue(this.ring(fd, path));
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      scope.repeat(spec, at, (inner) => {
        if (this.push(queue, spec, at, inner, undefined)) return;
        throw this.builder.source.error(at, 'the submission queue is full');
      });
    }
  }

  /** Takes the completions there are. @throws {SceneError} when they are not the expected ones. */
  expect(fd: number, specs: readonly CompletionSpec[], path: ScenePath, scope: Scope): void {
    const queue = new UserQueue(this.ring(fd, path));
    const found = queue.takeAll();
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      const next = found[index];
      if (!next) throw this.builder.source.error(at, `there are only ${found.length} completions`);
      const { userData, result, flags } = next;
      const wanted = { data: scope.uint64(spec.data, [...at, 'data']), result: resultOf(spec, at, scope) };
      const text = `the completion is of ${userData}, with result ${describe(result)} and flags ${flags}`;
      if (userData !== wanted.data) throw this.builder.source.error([...at, 'data'], text);
      if (result !== wanted.result) throw this.builder.source.error([...at, 'result'], text);
      const wantedFlags = spec.flags === undefined ? flags : scope.uint32(spec.flags, [...at, 'flags']);
      if (flags !== wantedFlags) throw this.builder.source.error([...at, 'flags'], text);
    }
    const more = found[specs.length];
    if (more) throw this.builder.source.error(path, `there is a further completion, of ${more.userData}`);
  }

  private push(
    queue: UserQueue,
    spec: EntrySpec,
    path: ScenePath,
    scope: Scope,
    scratch: Scratch | undefined,
  ): boolean {
    if (spec.bad_index) return queue.pushIndex(BAD_INDEX);
    const entry = entryOf(spec, path, scope);
    return queue.push({ ...entry.fields, ...this.place(entry, scratch, path) });
  }

  /** Puts what an entry points at into the task's memory. */
  private place({ data }: Entry, scratch: Scratch | undefined, path: ScenePath): { address?: bigint } {
    if (!data) return {};
    if (!scratch) throw this.builder.source.error(path, 'an entry that points at memory has to be submitted');
    const address = scratch.address + scratch.used;
    if (scratch.used + data.length > SCRATCH_SIZE) throw this.builder.source.error(path, 'too long');
    this.task.mm?.memory.write(address, data);
    scratch.used += Math.ceil(data.length / 8) * 8;
    return { address: BigInt(address) };
  }

  /** Submits until nothing is left: an entry that is refused, or a bad index, ends one call. */
  private enter(fd: number, ring: IoUring, path: ScenePath, scratch: Scratch): void {
    const { builder, task } = this;
    const { rings } = ring.memory;
    const flags = (ring.flags & Setup.SqPoll) !== 0 ? Enter.SqWakeup : 0;
    for (;;) {
      const left = (rings.get('sq.tail') - rings.get('sq.head')) >>> 0;
      if (left === 0) break;
      const result = builder.at(path, () => ioUringEnter(builder.machine, task, fd, left, 0, flags));
      builder.done('io_uring_enter', task, result, path);
      const after = (rings.get('sq.tail') - rings.get('sq.head')) >>> 0;
      if (after === left) throw builder.source.error(path, 'the ring takes no entries');
    }
    scratch.used = 0;
  }

  private makeScratch(): Scratch {
    const { builder, task } = this;
    const flags = MapFlag.Private | MapFlag.Anonymous;
    const result = builder.machine.sys.mmap(task, 0, SCRATCH_SIZE, Prot.Read | Prot.Write, flags);
    return { address: builder.done('mmap', task, result, []), used: 0 };
  }

  private ring(fd: number, path: ScenePath): IoUring {
    const object = this.task.files?.get(fd)?.object;
    if (object instanceof IoUring) return object;
    const reason = `descriptor ${fd} of task ${this.task.pid} is not an io_uring instance`;
    throw this.builder.source.error(path, reason);
  }
}

/** A number, or the name of an errno. */
function resultOf(spec: CompletionSpec, path: ScenePath, scope: Scope): number {
  const { result = 0 } = spec;
  if (typeof result === 'string' && /^E[A-Z0-9]+$/.test(result)) {
    for (let errno = 1; errno < MAX_ERRNO; errno++) if (errnoName(errno) === result) return -errno;
    throw scope.error([...path, 'result'], `${result} is no errno`);
  }
  return scope.int(result, [...path, 'result']);
}

function describe(result: number): string {
  return result < 0 ? `-${errnoName(-result)}` : String(result);
}
