/** epoll_ctl and epoll_wait. */
import { type Emitter, named } from './emitter.ts';
import { Label, type View } from './program.ts';
import { emitFault } from './read-call.ts';
import { mayWatch } from './release.ts';
import type { Call } from './scene.ts';
import { compareItems, withItems } from './walk.ts';
import type { Epoll } from './world.ts';

/** Events are copied to the caller with ep->mtx held. */
export function emitEpollWait(emitter: Emitter, name: string, faults: boolean): void {
  const { mtx, items } = named(emitter.world.epolls, name);
  emitter.lock(mtx);
  if (faults) emitFault(emitter);
  emitter.step({ text: 'events copied', reads: [items] });
  emitter.unlock(mtx);
}

export function emitEpollCtl(emitter: Emitter, name: string, call: Call, add: boolean): void {
  const epoll = named(emitter.world.epolls, name);
  const inner = add ? emitter.world.epolls.get(call.file ?? '') : undefined;
  if (inner) {
    emitNestedAdd(emitter, epoll, inner, call);
    return;
  }
  const out = new Label();
  emitter.lock(epoll.mtx);
  emitChange(emitter, epoll, call, add, out);
  emitter.place(out);
  emitter.unlock(epoll.mtx);
}

/**
 * An epoll instance for another one to watch. It is known only with the lock held that the call has to begin anew with
 * the global lock, under which loops are looked for; then the item is made with both instances' locks.
 */
function emitNestedAdd(emitter: Emitter, outer: Epoll, inner: Epoll, call: Call): void {
  const { epmutex, variant } = emitter.world;
  const guarded = variant.nested_add === 'epmutex';
  const out = new Label();
  if (guarded) {
    emitter.lock(outer.mtx);
    emitter.unlock(outer.mtx);
    emitter.lock(epmutex);
    emitLoopCheck(emitter, inner, outer, new Set());
  }
  emitter.lock(outer.mtx);
  if (guarded) emitRefusal(emitter, outer, call, out);
  emitter.lock(inner.mtx);
  emitter.step({ text: `${outer.name} queues itself for events of ${inner.name}` });
  emitter.unlock(inner.mtx);
  emitChange(emitter, outer, call, true, out);
  emitter.place(out);
  emitter.unlock(outer.mtx);
  if (guarded) emitter.unlock(epmutex);
}

/** Walks down from an instance with the locks on the way held; `loop` is noted if it comes to `sought`. */
function emitLoopCheck(emitter: Emitter, epoll: Epoll, sought: Epoll, seen: Set<Epoll>): void {
  const { world } = emitter;
  const on = new Set(seen).add(epoll);
  emitter.lock(epoll.mtx);
  for (const below of world.epolls.values()) {
    if (on.has(below) || !mayWatch(world, epoll.name, below.name)) continue;
    const absent = new Label();
    emitter.step({
      text: '',
      reads: [epoll.items],
      jumps: [absent],
      run: (view) => {
        if (!watches(view, epoll, below.name)) return absent.jump();
        if (below === sought) view.remember({ loop: true });
        return below === sought ? absent.jump() : undefined;
      },
    });
    if (below !== sought) emitLoopCheck(emitter, below, sought, on);
    emitter.place(absent);
  }
  emitter.unlock(epoll.mtx);
}

function watches(view: View, { items }: Epoll, file: string): boolean {
  return view.get(items).items.some((item) => item.file === file);
}

function emitRefusal(emitter: Emitter, outer: Epoll, { file, fd }: Call, out: Label): void {
  const what = `epoll_ctl(${outer.name}, ADD, ${file}:${fd}) = -ELOOP`;
  emitter.step({
    text: '',
    jumps: [out],
    run: (view) => {
      const loop = view.register<boolean>('loop') ?? false;
      if (!loop) return undefined;
      view.remember({ loop: undefined });
      view.text = what;
      view.result(what);
      return out.jump();
    },
  });
}

/** An item comes or goes, with `ep->mtx` held. */
function emitChange(emitter: Emitter, { name, items }: Epoll, call: Call, add: boolean, out: Label): void {
  const { file = '', fd = 0 } = call;
  const address = emitter.world.addresses.get(file) ?? 0;
  const what = `epoll_ctl(${name}, ${add ? 'ADD' : 'DEL'}, ${file}:${fd})`;
  emitter.step({
    text: what,
    writes: [items],
    jumps: [out],
    run: (view) => {
      const table = view.get(items);
      const known = table.items.some((item) => item.file === file && item.fd === fd);
      if (known === add) {
        view.text = `${what} = -${add ? 'EEXIST' : 'ENOENT'}`;
        view.result(view.text);
        return out.jump();
      }
      const serial = 1 + Math.max(-1, ...table.history.flat().map((item) => item.serial));
      const next = add
        ? [...table.items, { file, address, fd, serial }].sort(compareItems)
        : table.items.filter((item) => item.file !== file || item.fd !== fd);
      view.set(items, withItems(table, next, items.name));
      return undefined;
    },
  });
}
