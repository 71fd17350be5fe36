/** Where an iterator's objects come from: the lock around a walk, and the table under it. */
import type { Rule, Version } from './check-dump.ts';
import { type Emitter, named } from './emitter.ts';
import type { Label, View } from './program.ts';
import type { AnyComponent, Component } from './state.ts';
import { HOLE } from './walk.ts';
import type { Epoll, Iterator, MutexValue, Ring, World } from './world.ts';

export interface Source {
  /** The mutex around the walk, if it is one. */
  readonly lock?: Component<MutexValue>;
  /** start() only tries it. */
  readonly tries: boolean;
  /** unlock() does something. */
  readonly unlocks: boolean;
  /** What tells whether the object still exists. */
  readonly alive: readonly AnyComponent[];
  readonly tables: readonly AnyComponent[];
  readonly rule: Rule;
  /** False, and an error, when the object is freed. */
  check(view: View, iterator: string): boolean;
  /** Takes what is around the walk when that is no mutex. */
  enter(emitter: Emitter): void;
  unlock(emitter: Emitter, then?: Label): void;
  table(view: View): unknown;
  version(view: View): number;
  versions(view: View): Version[];
}

export function openSource(world: World, { def }: Iterator): Source {
  const { target, of, entries = [] } = def;
  if (target === 'epoll') return epollSource(world, named(world.epolls, of));
  if (target === 'io_uring_buf' || target === 'io_uring_file') {
    const ring = named(world.rings, of);
    return ringSource(world, ring, target === 'io_uring_buf' ? 'buffers' : 'files');
  }
  return listSource(world, entries, target === 'task_vma');
}

function ringSource({ variant }: World, ring: Ring, which: 'files' | 'buffers'): Source {
  const { lock, life } = ring;
  const table = ring[which];
  return {
    lock,
    tries: variant.start === 'trylock',
    unlocks: true,
    alive: [life],
    tables: [table],
    rule: 'snapshot',
    check(view, iterator) {
      if (!view.get(life).freed) return true;
      view.oops('use-after-free', `${iterator} uses ${ring.name}, which is freed`);
      return false;
    },
    enter: () => undefined,
    unlock: (emitter, then) => emitter.unlock(lock, then),
    table: (view) => view.get(table),
    version: (view) => view.get(table).version,
    versions: (view) =>
      view.get(table).history.map((slots) => ({
        entries: slots.map((item, slot) => ({ slot, item: item ?? HOLE })),
      })),
  };
}

function epollSource(world: World, epoll: Epoll): Source {
  const { mtx, items, freed } = epoll;
  const files = [...world.addresses.keys()].map((name) => [name, named(world.refs, name)] as const);
  const gone = (view: View, file: string) => {
    const ref = world.refs.get(file);
    return ref ? view.get(ref).freed : false;
  };
  return {
    lock: mtx,
    tries: world.variant.epoll_start === 'trylock',
    unlocks: true,
    alive: [freed],
    tables: [items, ...files.map(([, ref]) => ref)],
    rule: 'each-once',
    check(view, iterator) {
      if (!view.get(freed)) return true;
      view.oops('use-after-free', `${iterator} uses ${epoll.name}, which is freed`);
      return false;
    },
    enter: () => undefined,
    unlock: (emitter, then) => emitter.unlock(mtx, then),
    table(view) {
      const value = view.get(items);
      return { ...value, items: value.items.map((item) => ({ ...item, dead: gone(view, item.file) })) };
    },
    version: (view) => view.get(items).version,
    // Whether a file that is on its way out is shown is nobody's promise.
    versions: (view) =>
      view.get(items).history.map((version) => ({
        entries: version
          .filter(({ file }) => !gone(view, file))
          .map(({ serial, file, fd }) => ({ slot: serial, item: `${file}:${fd}` })),
      })),
  };
}

/** Targets whose objects nobody changes here; task_vma walks them under the reader's mmap_lock. */
function listSource({ mmapLock }: World, entries: readonly string[], locked: boolean): Source {
  return {
    tries: false,
    unlocks: locked,
    alive: [],
    tables: [],
    rule: 'snapshot',
    check: () => true,
    enter: (emitter) => (locked ? emitter.downRead(mmapLock) : undefined),
    unlock: (emitter, then) => (locked ? emitter.upRead(mmapLock, then) : undefined),
    table: () => entries,
    version: () => 0,
    versions: () => [{ entries: entries.map((item, slot) => ({ slot, item })) }],
  };
}
