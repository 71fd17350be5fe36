/** What tasks submit to their rings, and what they find in the completion queue. */
import { errnoName } from '../../bpf/errno-name.ts';
import type { Completion } from '../io-uring/completion.ts';
import type { SqeFields } from '../io-uring/sqe.ts';
import { Enter, Setup } from '../io-uring/uapi.ts';
import type { UserQueue } from '../io-uring/user-queue.ts';
import { MapFlag } from '../memory-syscalls.ts';
import type { Task } from '../task.ts';
import { Prot } from '../vma.ts';
import type { Builder } from './builder.ts';
import { type Entry, entryOf } from './entries.ts';
import { errnoOf } from './errno-of.ts';
import type { RingHandle } from './ring-handle.ts';
import type { CompletionSpec, EntrySpec, Quantity, RingWord, RingWords } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** Number of an entry that no ring has. */
const BAD_INDEX = 0xffff_ffff;

/** Memory that entries point at, while they are submitted. */
interface Scratch {
  address: number;
  used: number;
}

const SCRATCH_SIZE = 1 << 16;

export class SubmissionBuilder {
  private readonly builder: Builder;
  private readonly handle: RingHandle;
  private readonly task: Task;

  constructor(builder: Builder, handle: RingHandle) {
    this.builder = builder;
    this.handle = handle;
    this.task = handle.task;
  }

  /** Fills entries and has them submitted. */
  submit(specs: readonly EntrySpec[], path: ScenePath, scope: Scope): void {
    const queue = this.handle.queue(path);
    const scratch = this.makeScratch();
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      scope.repeat(spec, at, (inner) => {
        // A chain stands in one submission, so nothing is submitted before the queue is full.
        if (queue.room <= 0 || scratch.used > SCRATCH_SIZE / 2) this.enterAll(at, scratch);
        if (!this.push(queue, spec, at, inner, scratch)) {
          throw this.builder.source.error(at, 'the submission queue is full');
        }
      });
    }
    this.enterAll(path, scratch);
    this.builder.machine.sys.munmap(this.task, scratch.address, SCRATCH_SIZE);
  }

  /** Fills entries that nobody submits. */
  prepare(specs: readonly EntrySpec[], path: ScenePath, scope: Scope): void {
    const queue = this.handle.queue(path);
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      scope.repeat(spec, at, (inner) => {
        if (this.push(queue, spec, at, inner, undefined)) return;
        throw this.builder.source.error(at, 'the submission queue is full');
      });
    }
  }

  /** Asks for completions, and waits for so many. */
  enter(complete: number, path: ScenePath): void {
    const { builder, handle, task } = this;
    const result = builder.at(path, () => handle.enter(0, complete, Enter.GetEvents));
    builder.done('io_uring_enter', task, result, path);
  }

  /** Stores words of the shared memory, as user space does. */
  setWords(words: RingWords, path: ScenePath, scope: Scope): void {
    const { rings } = this.handle.ring(path).memory;
    for (const [word, value] of wordsOf(words)) rings.set(WORDS[word], scope.uint32(value, [...path, word]));
  }

  /** @throws {SceneError} when a word is not what it has to be. */
  expectWords(words: RingWords, path: ScenePath, scope: Scope): void {
    const { rings } = this.handle.ring(path).memory;
    for (const [word, value] of wordsOf(words)) {
      const is = rings.get(WORDS[word]);
      if (is !== scope.uint32(value, [...path, word])) throw scope.error([...path, word], `${word} is ${is}`);
    }
  }

  /** Takes the completions there are. @throws {SceneError} when they are not the expected ones. */
  expect(specs: readonly CompletionSpec[], anyOrder: boolean, path: ScenePath, scope: Scope): void {
    const left = this.handle.queue(path).takeAll();
    const count = left.length;
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      scope.repeat(spec, at, (inner) => {
        const wanted = wantedOf(spec, at, inner);
        const place = anyOrder ? left.findIndex((found) => difference(found, wanted) === undefined) : 0;
        const [next] = left.splice(Math.max(place, 0), 1);
        if (!next) throw scope.error(at, `there are only ${count} completions`);
        const wrong = difference(next, wanted);
        if (wrong) throw scope.error([...at, wrong], `the completion is ${describe(next)}`);
      });
    }
    const [more] = left;
    if (more) throw scope.error(path, `there is a further completion, ${describe(more)}`);
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
  private place(entry: Entry, scratch: Scratch | undefined, path: ScenePath): SqeFields {
    const { data, dataField = 'address' } = entry;
    if (!data) return {};
    if (!scratch) throw this.builder.source.error(path, 'an entry that points at memory has to be submitted');
    const address = scratch.address + scratch.used;
    if (scratch.used + data.length > SCRATCH_SIZE) throw this.builder.source.error(path, 'too long');
    this.task.mm?.memory.write(address, data);
    scratch.used += Math.ceil(data.length / 8) * 8;
    return { [dataField]: BigInt(address) };
  }

  /** Submits until nothing is left: an entry that is refused, or a bad index, ends one call. */
  private enterAll(path: ScenePath, scratch: Scratch): void {
    const { builder, handle, task } = this;
    const ring = handle.ring(path);
    const { rings } = ring.memory;
    const flags = (ring.flags & Setup.SqPoll) !== 0 ? Enter.SqWakeup : 0;
    for (;;) {
      const left = (rings.get('sq.tail') - rings.get('sq.head')) >>> 0;
      if (left === 0) break;
      const result = builder.at(path, () => handle.enter(left, 0, flags));
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
}

/** Names of the shared words in the layout of `io_rings`. */
const WORDS: { readonly [word in RingWord]: string } = {
  sq_head: 'sq.head',
  sq_tail: 'sq.tail',
  sq_flags: 'sq_flags',
  sq_dropped: 'sq_dropped',
  cq_head: 'cq.head',
  cq_tail: 'cq.tail',
  cq_flags: 'cq_flags',
  cq_overflow: 'cq_overflow',
};

function wordsOf(words: RingWords): [RingWord, Quantity][] {
  return Object.entries(words) as [RingWord, Quantity][];
}

/** What a completion has to be; flags that are undefined may be any. */
interface Wanted {
  readonly data: bigint;
  readonly result: number;
  readonly flags: number | undefined;
}

function wantedOf(spec: CompletionSpec, path: ScenePath, scope: Scope): Wanted {
  return {
    data: scope.uint64(spec.data, [...path, 'data']),
    result: resultOf(spec, path, scope),
    flags: spec.flags === undefined ? undefined : scope.uint32(spec.flags, [...path, 'flags']),
  };
}

/** The first field in which a completion is not the wanted one. */
function difference({ userData, result, flags }: Completion, wanted: Wanted): keyof Wanted | undefined {
  if (userData !== wanted.data) return 'data';
  if (result !== wanted.result) return 'result';
  return wanted.flags === undefined || wanted.flags === flags ? undefined : 'flags';
}

/** A number, or the name of an errno. */
function resultOf(spec: CompletionSpec, path: ScenePath, scope: Scope): number {
  const { result = 0 } = spec;
  if (typeof result === 'string' && /^E[A-Z0-9]+$/.test(result)) {
    const errno = errnoOf(result);
    if (errno === undefined) throw scope.error([...path, 'result'], `${result} is no errno`);
    return -errno;
  }
  return scope.int(result, [...path, 'result']);
}

function describe({ userData, result, flags }: Completion): string {
  const value = result < 0 ? `-${errnoName(-result)}` : String(result);
  return `of ${userData}, with result ${value} and flags ${flags}`;
}
