/** read(2) of /proc/PID/fdinfo/FD of a ring: what it prints of the tables depends on whether it gets `uring_lock`. */
import { type Emitter, named } from './emitter.ts';
import { Label, type View } from './program.ts';
import { put, putRing } from './release.ts';
import type { Iterator, Ring } from './world.ts';

type Shown = 'all' | 'no tables' | 'nothing';

/** The whole of it is one object of its seq_file, so that one read takes everything. */
export function emitFdinfo(emitter: Emitter, { def, lock }: Iterator): void {
  const ring = named(emitter.world.rings, def.of);
  const closed = new Label();
  emitter.lock(lock);
  emitFget(emitter, ring, closed);
  const dying = new Label();
  emitTryget(emitter, ring, dying);
  emitTables(emitter, ring);
  putRing(emitter, ring);
  emitter.place(dying);
  put(emitter, ring.name);
  emitter.place(closed);
  emitter.unlock(lock);
  emitter.step({
    text: `read(${def.name}) returns`,
    run: (view) => {
      view.text = `read(${def.name}) = ${view.register<Shown>('shown') ?? 'nothing'}`;
      view.result(view.text);
      view.remember({ shown: undefined });
      return undefined;
    },
  });
}

/** The descriptor may be closed; while it is printed its file stays. */
function emitFget(emitter: Emitter, { name }: Ring, closed: Label): void {
  const ref = named(emitter.world.refs, name);
  emitter.step({
    text: `fget_task(${name})`,
    writes: [ref],
    jumps: [closed],
    run: (view) => {
      const { count, freed } = view.get(ref);
      if (freed) return shown(view, 'nothing', closed);
      view.set(ref, { count: count + 1, freed });
      return undefined;
    },
  });
}

function emitTryget(emitter: Emitter, { name, life }: Ring, dying: Label): void {
  emitter.step({
    text: `percpu_ref_tryget(&${name}->refs)`,
    writes: [life],
    jumps: [dying],
    run: (view) => {
      const value = view.get(life);
      if (value.refs === 0) return shown(view, 'nothing', dying);
      view.set(life, { ...value, refs: value.refs + 1 });
      return undefined;
    },
  });
}

function emitTables(emitter: Emitter, ring: Ring): void {
  const { lock, name, files, buffers } = ring;
  const without = new Label();
  if (emitter.world.variant.fdinfo === 'mutex_lock') emitter.lock(lock);
  else emitTryLock(emitter, ring, without);
  emitter.step({
    text: `tables of ${name} printed`,
    reads: [files, buffers],
    run: (view) => view.remember({ shown: 'all' }),
  });
  emitter.unlock(lock);
  emitter.place(without);
}

function emitTryLock(emitter: Emitter, { lock }: Ring, without: Label): void {
  emitter.step({
    text: `mutex_trylock(&${lock.name})`,
    writes: [lock],
    jumps: [without],
    run: (view) => {
      if (view.get(lock) !== -1) {
        view.text = `mutex_trylock(&${lock.name}) fails: tables left out`;
        return shown(view, 'no tables', without);
      }
      view.set(lock, emitter.actor.id);
      return undefined;
    },
  });
}

function shown(view: View, what: Shown, to: Label) {
  view.remember({ shown: what });
  return to.jump();
}
