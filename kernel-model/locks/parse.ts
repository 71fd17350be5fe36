/** Text of a lock scene -> checked scene. Errors name file, line and column. */
import { LineCounter } from 'yaml';
import { explain, position, readDocument, toPlain } from '../scene/parse.ts';
import { SceneError, type ScenePath } from '../scene/scene-error.ts';
import { callName } from './calls.ts';
import type { Call, LockScene } from './scene.ts';
import { validator } from './validator.ts';

/** Characters of a scene file. */
export const MAX_LOCK_SCENE = 1 << 18;

export interface ParsedLockScene {
  readonly file: string;
  readonly scene: LockScene;
}

/** @throws {SceneError} for text that is not YAML, not a lock scene, or speaks of what is not in it. */
export function parseLockScene(text: string, file: string): ParsedLockScene {
  const start = { line: 1, column: 1 };
  if (text.length > MAX_LOCK_SCENE)
    throw new SceneError(`longer than ${MAX_LOCK_SCENE} characters`, file, start);
  const lines = new LineCounter();
  const document = readDocument(text, file, lines);
  const error = (path: ScenePath, reason: string) =>
    new SceneError(reason, file, position(document, lines, path));
  const plain: unknown = toPlain(document, file, start);
  const validate = validator();
  if (!validate(plain)) {
    const { path, reason } = explain(validate.errors ?? [], plain);
    throw error(path, reason);
  }
  const scene = plain as LockScene;
  for (const { path, reason } of problems(scene)) throw error(path, reason);
  return { file, scene };
}

interface Problem {
  readonly path: ScenePath;
  readonly reason: string;
}

/** Sections that define names; one name means one thing. */
const SECTIONS = ['locks', 'events', 'objects', 'files', 'rings', 'epolls', 'links', 'iterators'] as const;
type Section = (typeof SECTIONS)[number] | 'mutexes' | 'rwsems' | 'readers';

/** What the name of each call has to be. */
const CALL_NAMES: { readonly [call: string]: readonly Section[] } = {
  lock: ['mutexes'],
  unlock: ['mutexes'],
  trylock: ['mutexes'],
  down_read: ['rwsems'],
  up_read: ['rwsems'],
  down_write: ['rwsems'],
  up_write: ['rwsems'],
  wait: ['events'],
  wake: ['events'],
  get: ['objects', 'files'],
  put: ['objects', 'files'],
  access: ['objects'],
  read: ['iterators'],
  resolve_fault: ['readers'],
  enter: ['rings'],
  register: ['rings'],
  unregister: ['rings'],
  update: ['rings'],
  register_eventfd: ['rings'],
  iowq_max_workers: ['rings'],
  use: ['rings'],
  finish: ['rings'],
  mmap: ['rings'],
  attach: ['links'],
  close: ['files', 'rings', 'epolls', 'links', 'iterators'],
  epoll_add: ['epolls'],
  epoll_del: ['epolls'],
  epoll_wait: ['epolls'],
};

/** What cannot stand in a ring's file table: the kernel refuses rings, the model also epoll instances. */
const REGISTRABLE: readonly Section[] = ['files', 'links', 'iterators'];

const WATCHABLE: readonly Section[] = ['files', 'epolls'];

const OF_RINGS: ReadonlySet<string> = new Set(['io_uring_buf', 'io_uring_file', 'fdinfo']);

class Names {
  private readonly bySection = new Map<Section, Set<string>>();
  readonly duplicates: Problem[] = [];

  constructor(scene: LockScene) {
    const seen = new Set<string>();
    const add = (section: Section, name: string, path: ScenePath) => {
      if (seen.has(name) || name === 'none')
        this.duplicates.push({ path, reason: `the name ${name} is taken` });
      seen.add(name);
      this.section(section).add(name);
    };
    for (const section of SECTIONS)
      for (const [i, item] of (scene[section] ?? []).entries())
        add(section, typeof item === 'string' ? item : item.name, [section, i]);
    const actors = new Set<string>();
    for (const [i, { name }] of scene.actors.entries()) {
      if (actors.has(name))
        this.duplicates.push({ path: ['actors', i], reason: `there is an actor ${name} already` });
      actors.add(name);
    }
    for (const { name, kind } of scene.locks ?? [])
      this.section(kind === 'rwsem' ? 'rwsems' : 'mutexes').add(name);
    for (const { name, does } of scene.actors)
      if (does.some(({ faults }) => faults)) this.section('readers').add(name);
  }

  has(sections: readonly Section[], name: string): boolean {
    return sections.some((section) => this.section(section).has(name));
  }

  private section(section: Section): Set<string> {
    const names = this.bySection.get(section) ?? new Set<string>();
    this.bySection.set(section, names);
    return names;
  }
}

function* problems(scene: LockScene): Generator<Problem> {
  const names = new Names(scene);
  yield* names.duplicates;
  yield* definitions(scene, names);
  for (const [i, { does }] of scene.actors.entries()) yield* callProblems(does, ['actors', i, 'does'], names);
  const actors = new Set(scene.actors.map(({ name }) => name));
  for (const [i, pair] of (scene.never_waits ?? []).entries())
    for (const key of ['actor', 'for'] as const)
      if (!actors.has(pair[key]))
        yield { path: ['never_waits', i, key], reason: `there is no actor ${pair[key]}` };
}

function* definitions(scene: LockScene, names: Names): Generator<Problem> {
  yield* holdProblems(scene, names);
  for (const [i, { files = [] }] of (scene.rings ?? []).entries())
    yield* slotProblems(files, ['rings', i, 'files'], names);
  for (const [i, { items = [] }] of (scene.epolls ?? []).entries()) {
    const keys = new Set<string>();
    for (const [k, { file, fd }] of items.entries()) {
      const path = ['epolls', i, 'items', k];
      if (!names.has(WATCHABLE, file)) yield { path, reason: `there is no file ${file}` };
      if (keys.has(`${file}:${fd}`)) yield { path, reason: `${file} is watched under ${fd} already` };
      keys.add(`${file}:${fd}`);
    }
  }
  for (const [i, { to }] of (scene.links ?? []).entries())
    if (!names.has(['rings', 'epolls'], to))
      yield { path: ['links', i, 'to'], reason: `there is no ring or epoll instance ${to}` };
  for (const [i, { target, of }] of (scene.iterators ?? []).entries()) {
    const wanted: Section | undefined =
      target === 'epoll' ? 'epolls' : OF_RINGS.has(target) ? 'rings' : undefined;
    const path = ['iterators', i];
    if (wanted && !names.has([wanted], of ?? ''))
      yield { path, reason: `"of" has to name one of: ${wanted}` };
    if (!wanted && of !== undefined) yield { path, reason: `${target} is of nothing` };
  }
}

/** What a file holds goes with it, so that it cannot hold itself, even through others. */
function* holdProblems(scene: LockScene, names: Names): Generator<Problem> {
  const before = new Set<string>();
  for (const [i, { name, holds = [] }] of (scene.files ?? []).entries()) {
    for (const [k, held] of holds.entries())
      if (!before.has(held) && !names.has(['links', 'iterators'], held))
        yield { path: ['files', i, 'holds', k], reason: `${held} is no file before it, link or iterator` };
    before.add(name);
  }
}

function* slotProblems(slots: readonly string[], path: ScenePath, names: Names): Generator<Problem> {
  for (const [i, slot] of slots.entries())
    if (slot !== 'none' && !names.has(REGISTRABLE, slot))
      yield { path: [...path, i], reason: `there is no file, link or iterator ${slot}` };
}

function* callProblems(calls: readonly Call[], path: ScenePath, names: Names): Generator<Problem> {
  for (const [i, call] of calls.entries()) {
    const at = [...path, i];
    if (call.forever) {
      if (call.forever.length === 0) yield { path: at, reason: 'nothing to do forever' };
      yield* callProblems(call.forever, [...at, 'forever'], names);
      continue;
    }
    const key = callName(call);
    const name = call[key as keyof Call] as string;
    const sections = CALL_NAMES[key] ?? [];
    if (!names.has(sections, name))
      yield { path: [...at, key], reason: `${name} is not among: ${sections.join(', ')}` };
    yield* argumentProblems(call, at, names);
    if (call.held) yield* callProblems(call.held, [...at, 'held'], names);
  }
}

function* argumentProblems(call: Call, path: ScenePath, names: Names): Generator<Problem> {
  const { enter, reads, register, files, buffers, update, table, to = 'none', file } = call;
  if (enter !== undefined && !names.has(['iterators'], reads ?? ''))
    yield { path, reason: '"reads" has to name an iterator' };
  if (register !== undefined && (files === undefined) === (buffers === undefined))
    yield { path, reason: 'needs either "files" or "buffers"' };
  if (files) yield* slotProblems(files, [...path, 'files'], names);
  if (update !== undefined && table !== 'buffers' && to !== 'none' && !names.has(REGISTRABLE, to))
    yield { path: [...path, 'to'], reason: `there is no file, link or iterator ${to}` };
  const watches = call.epoll_add !== undefined || call.epoll_del !== undefined;
  if (watches && (!names.has(WATCHABLE, file ?? '') || call.fd === undefined))
    yield { path, reason: 'needs "file" and "fd"' };
}
