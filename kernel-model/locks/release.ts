/** Closing: what happens when the last reference to a file goes, and what that lets go of in turn. */
import { type Emitter, named } from './emitter.ts';
import { Label } from './program.ts';
import type { TableName } from './scene.ts';
import { withItems } from './walk.ts';
import type { Epoll, Ring, World } from './world.ts';

/** close(2), or any other drop of a reference to a file or object. */
export function put(emitter: Emitter, name: string): void {
  const others = new Label();
  emitter.putRef(name, named(emitter.world.refs, name), others);
  release(emitter, name);
  emitter.place(others);
}

function release(emitter: Emitter, name: string): void {
  const { rings, links, iterators, epolls, addresses } = emitter.world;
  const ring = rings.get(name);
  const epoll = epolls.get(name);
  if (ring) closeRing(emitter, ring);
  else if (epoll) {
    unwatch(emitter, name);
    closeEpoll(emitter, epoll);
  } else if (links.has(name)) closeLink(emitter, name);
  else if (iterators.has(name)) closeIterator(emitter, name);
  else if (addresses.has(name)) {
    unwatch(emitter, name);
    for (const held of emitter.world.heldBy(name)) put(emitter, held);
  }
}

/** The ring's file is gone: no new users; the rest is done by a worker once nobody refers to the ring. */
function closeRing(emitter: Emitter, { name, lock, life }: Ring): void {
  emitter.lock(lock);
  emitter.step({
    text: `percpu_ref_kill(&${name}->refs), exit work queued`,
    writes: [life],
    run: (view) => {
      const value = view.get(life);
      view.set(life, { ...value, refs: value.refs - (value.dying ? 0 : 1), dying: true, closed: true });
      return undefined;
    },
  });
  emitter.unlock(lock);
}

function closeEpoll(emitter: Emitter, { name, mtx, items, freed }: Epoll): void {
  const { epmutex } = emitter.world;
  const global = closesGlobally(emitter.world);
  if (global) emitter.lock(epmutex);
  emitter.lock(mtx);
  emitter.step({
    text: `all items of ${name} removed`,
    writes: [items],
    run: (view) => {
      view.set(items, withItems(view.get(items), [], items.name));
      return undefined;
    },
  });
  emitter.unlock(mtx);
  if (global) emitter.unlock(epmutex);
  emitter.step({ text: `${name} is freed`, writes: [freed], run: (view) => void view.set(freed, true) });
}

function closeLink(emitter: Emitter, name: string): void {
  const { links, variant, rings } = emitter.world;
  const { to, attached } = named(links, name);
  const never = new Label();
  emitter.step({
    text: `bpf_link_free(${name}): detach`,
    writes: [attached],
    jumps: [never],
    run: (view) => {
      if (!view.get(attached)) return never.jump();
      view.set(attached, false);
      return undefined;
    },
  });
  if (!rings.has(to) || variant.link_holds === 'file') put(emitter, to);
  else if (variant.link_holds === 'refs') putRing(emitter, named(rings, to));
  emitter.place(never);
}

function closeIterator(emitter: Emitter, name: string): void {
  const { iterators, variant, rings, epolls } = emitter.world;
  const { of = '' } = named(iterators, name).def;
  if (variant.iterator_holds === 'nothing' || (!rings.has(of) && !epolls.has(of))) return;
  if (rings.has(of) && variant.iterator_holds === 'refs') putRing(emitter, named(rings, of));
  else put(emitter, of);
}

/** Drops one of `ctx->refs`. */
export function putRing(emitter: Emitter, { name, life }: Ring): void {
  emitter.step({
    text: `percpu_ref_put(&${name}->refs)`,
    writes: [life],
    run: (view) => {
      const value = view.get(life);
      if (value.freed) return view.oops('use-after-free', `a reference to ${name} is put after it was freed`);
      view.set(life, { ...value, refs: value.refs - 1 });
      return undefined;
    },
  });
}

/** A watched file is gone: its items leave every epoll instance. */
function unwatch(emitter: Emitter, file: string): void {
  const { epolls, epmutex } = emitter.world;
  const watching = [...epolls.values()].filter(({ name }) => mayWatch(emitter.world, name, file));
  if (watching.length === 0) return;
  const global = closesGlobally(emitter.world);
  if (global) emitter.lock(epmutex);
  for (const { name, mtx, items } of watching) {
    emitter.lock(mtx);
    emitter.step({
      text: `items of ${file} leave ${name}`,
      writes: [items],
      run: (view) => {
        const table = view.get(items);
        const rest = table.items.filter((item) => item.file !== file);
        if (rest.length === table.items.length) return undefined;
        view.set(items, withItems(table, rest, items.name));
        return undefined;
      },
    });
    emitter.unlock(mtx);
  }
  if (global) emitter.unlock(epmutex);
}

/** Whether an instance watches a file, or may come to. */
export function mayWatch(world: World, epoll: string, file: string): boolean {
  const { epolls = [] } = world.scene;
  const now = epolls.some(
    ({ name, items = [] }) => name === epoll && items.some((item) => item.file === file),
  );
  return now || world.calls.some((call) => call.epoll_add === epoll && call.file === file);
}

/** Up to 6.3 one lock serialises the end of every watched file and epoll instance of the system. */
function closesGlobally({ variant }: World): boolean {
  return variant.kernel === '5.16' || variant.kernel === '6.1';
}

/** Puts the files that a step has taken out of a table, as noted in the register `dropped`. */
export function putDropped(emitter: Emitter, table: TableName): void {
  if (table === 'buffers') return;
  for (const name of emitter.world.registrable) {
    const skip = new Label();
    const more = emitter.here();
    emitter.step({
      text: `${name} leaves the table`,
      jumps: [skip],
      run: (view) => {
        const dropped = view.register<readonly string[]>('dropped') ?? [];
        const at = dropped.indexOf(name);
        if (at < 0) {
          view.text = '';
          return skip.jump();
        }
        view.remember({ dropped: dropped.toSpliced(at, 1) });
        return undefined;
      },
    });
    put(emitter, name);
    emitter.goto(more);
    emitter.place(skip);
  }
  emitter.step({ text: '', run: (view) => void view.remember({ dropped: undefined }) });
}
