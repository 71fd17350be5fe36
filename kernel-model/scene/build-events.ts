/** What happens once everything is set up, each event something that one task does or finds. */
import { errnoName } from '../../bpf/errno-name.ts';
import { EpollOp, epollCtl } from '../epoll-ctl.ts';
import { Advice } from '../memory-syscalls.ts';
import type { Task } from '../task.ts';
import { expectBytes, expectMemory } from './build-checks.ts';
import { FileBuilder } from './build-files.ts';
import { contentText, MemoryBuilder } from './build-memory.ts';
import { addBuffers } from './build-register.ts';
import { RingBuilder } from './build-rings.ts';
import { SubmissionBuilder } from './build-submissions.ts';
import type { Builder } from './builder.ts';
import { errnoOf } from './errno-of.ts';
import { RingHandle } from './ring-handle.ts';
import type { EventSpec, RangeSpec, RingPlace } from './scene.ts';
import { SceneError, type ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** A day: timers that fire again and again are followed one by one. */
const MAX_WAIT_MS = 86_400_000n;

type Verb = Exclude<keyof EventSpec, 'task' | 'fails'>;

/** Who does it, and where it stands in the scene. */
interface Act {
  readonly builder: Builder;
  readonly task: Task;
  readonly scope: Scope;
  readonly path: ScenePath;
}

export function performEvent(builder: Builder, spec: EventSpec, path: ScenePath): void {
  const task = builder.task(spec.task, [...path, 'task']);
  const verb = (Object.keys(VERBS) as Verb[]).find((name) => spec[name] !== undefined);
  if (!verb) throw new Error('an event without a verb');
  const run = () => VERBS[verb](spec, { builder, task, scope: builder.scopeOf(task), path: [...path, verb] });
  if (spec.fails === undefined) run();
  else expectFailure(builder, run, spec.fails, [...path, 'fails']);
}

/** @throws {SceneError} unless a system call fails with the errno. */
function expectFailure(builder: Builder, run: () => void, wanted: string, path: ScenePath): void {
  let got = 'success';
  try {
    run();
  } catch (error) {
    if (!(error instanceof SceneError) || error.errno === 0) throw error;
    if (error.errno === errnoOf(wanted)) return;
    got = errnoName(error.errno);
  }
  throw builder.source.error(path, `was to fail with ${wanted}, but the result is ${got}`);
}

const VERBS: { readonly [verb in Verb]: (spec: EventSpec, act: Act) => void } = {
  dontneed: ({ dontneed }, act) => {
    const { builder, task, path } = act;
    const { address, length } = range(dontneed, act);
    builder.done('madvise', task, builder.machine.sys.madvise(task, address, length, Advice.DontNeed), path);
  },
  unmap: ({ unmap }, act) => {
    const { builder, task, path } = act;
    const { address, length } = range(unmap, act);
    builder.done('munmap', task, builder.machine.sys.munmap(task, address, length), path);
  },
  write: ({ write }, { builder, task, scope, path }) => {
    if (!write) return;
    const address = scope.size(write.address, [...path, 'address']);
    new MemoryBuilder(builder, task).write(write, address, Number.MAX_SAFE_INTEGER, path, scope);
  },
  fork: ({ fork: child }, { builder, task, path }) => {
    if (child) fork(builder, task, child, path);
  },
  close: ({ close = -1 }, { builder, task, scope, path }) => {
    builder.done('close', task, builder.machine.sys.close(task, scope.int(close, path)), path);
  },
  register: ({ register }, act) => {
    const ring = ringOf(register, act);
    const rings = new RingBuilder(act.builder, act.task);
    for (const [index, call] of (register?.calls ?? []).entries())
      rings.register(ring, call, [...act.path, 'calls', index], act.scope);
  },
  submit: ({ submit }, act) =>
    queueOf(submit, act).submit(submit?.entries ?? [], [...act.path, 'entries'], act.scope),
  prepare: ({ prepare }, act) =>
    queueOf(prepare, act).prepare(prepare?.entries ?? [], [...act.path, 'entries'], act.scope),
  enter: ({ enter }, act) => {
    const complete = act.scope.uint32(enter?.complete ?? 0, [...act.path, 'complete']);
    queueOf(enter, act).enter(complete, act.path);
  },
  completions: ({ completions }, act) => {
    const { are = [], any_order: anyOrder = false } = completions ?? {};
    queueOf(completions, act).expect(are, anyOrder, [...act.path, 'are'], act.scope);
  },
  ring_words: ({ ring_words: words }, act) => {
    const queue = queueOf(words, act);
    queue.setWords(words?.set ?? {}, [...act.path, 'set'], act.scope);
    queue.expectWords(words?.are ?? {}, [...act.path, 'are'], act.scope);
  },
  add_buffers: ({ add_buffers: added }, { task, scope, path }) => {
    if (added) addBuffers(task, added, path, scope);
  },
  store: ({ store }, { builder, task, scope, path }) => {
    if (!store) return;
    const fd = scope.int(store.fd, [...path, 'fd']);
    builder.done('write', task, builder.machine.sys.write(task, fd, bytesOf(store, path, scope)), path);
  },
  load: ({ load }, { builder, task, scope, path }) => {
    if (!load) return;
    const fd = scope.int(load.fd, [...path, 'fd']);
    const wanted = bytesOf(load, path, scope);
    const length = load.length === undefined ? wanted.length : scope.uint32(load.length, [...path, 'length']);
    const result = builder.machine.sys.read(task, fd, length);
    if (!(result instanceof Uint8Array)) builder.done('read', task, result, path);
    else expectBytes(scope, result, wanted, path);
  },
  holds: ({ holds }, { task, scope, path }) => {
    if (holds) expectMemory(task, holds, path, scope);
  },
  open: ({ open }, { builder, task, path }) => {
    if (!open) return;
    const files = new FileBuilder(builder, task);
    files.add(open, path);
    files.watch(open, path);
  },
  map: ({ map }, { builder, task, path }) => {
    if (map) new MemoryBuilder(builder, task).add(map, path);
  },
  ring: ({ ring }, { builder, task, path }) => {
    if (ring) new RingBuilder(builder, task).add(ring, path);
  },
  wait: ({ wait = 0 }, { builder, scope, path }) => {
    const milliseconds = scope.big(wait, path, { min: 0n, max: MAX_WAIT_MS });
    builder.at(path, () => builder.machine.advance(milliseconds * 1_000_000n));
  },
  exit: ({ exit }, { builder, task }) => {
    const { sys } = builder.machine;
    if (exit === 'thread') sys.exit(task, 0);
    else sys.exit_group(task, 0);
  },
  watch: ({ watch }, { builder, task, scope, path }) => {
    if (!watch) return;
    const epfd = scope.int(watch.epoll, [...path, 'epoll']);
    scope.repeat(watch, path, (inner) => new FileBuilder(builder, task).watchOne(epfd, watch, path, inner));
  },
  unwatch: ({ unwatch }, { builder, task, scope, path }) => {
    const epfd = scope.int(unwatch?.epoll ?? -1, [...path, 'epoll']);
    const fd = scope.int(unwatch?.fd ?? -1, [...path, 'fd']);
    builder.done('epoll_ctl', task, epollCtl(task, epfd, EpollOp.Del, fd, undefined), path);
  },
};

function ringOf(place: RingPlace | undefined, { builder, task, path }: Act): RingHandle {
  return RingHandle.at(builder, task, place ?? {}, path);
}

function queueOf(place: RingPlace | undefined, act: Act): SubmissionBuilder {
  return new SubmissionBuilder(act.builder, ringOf(place, act));
}

/** Text, hex, or a counter of 8 bytes. */
function bytesOf(spec: NonNullable<EventSpec['store']>, path: ScenePath, scope: Scope): Uint8Array {
  if (spec.text !== undefined) return new TextEncoder().encode(scope.text(spec.text, [...path, 'text']));
  if (spec.hex !== undefined) return contentText({ hex: spec.hex });
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, scope.uint64(spec.count ?? 1, [...path, 'count']), true);
  return bytes;
}

function range(spec: RangeSpec | undefined, { scope, path }: Act): { address: number; length: number } {
  return {
    address: scope.size(spec?.address ?? 0, [...path, 'address']),
    length: scope.size(spec?.length ?? 0, [...path, 'length']),
  };
}

function fork(builder: Builder, task: Task, spec: { pid: number; comm?: string }, path: ScenePath): void {
  builder.scope.spend(builder.machine.pages.used, path);
  builder.done('fork', task, builder.machine.sys.fork(task, spec.pid), path);
  const child = builder.task(spec.pid, path);
  if (spec.comm !== undefined) child.comm = spec.comm;
  const names = builder.namesOf(child);
  for (const [name, address] of builder.namesOf(task)) names.set(name, address);
}
