/** Writes the steps of one actor: the lock operations that every call is made of. */
import { type Actor, Label, type StepInit, type View, type Wait } from './program.ts';
import type { AnyComponent, Component } from './state.ts';
import type { MutexValue, RefValue, RwsemValue, World } from './world.ts';

/** Components that a lock operation looks at beside the lock. */
export interface LockGuard {
  readonly reads: readonly AnyComponent[];
  /** Whether the lock can be touched at all; it reports what is wrong. */
  readonly check: (view: View) => boolean;
}

const NO_GUARD: LockGuard = { reads: [], check: () => true };

export class Emitter {
  readonly world: World;
  readonly actor: Actor;

  constructor(world: World, actor: Actor) {
    this.world = world;
    this.actor = actor;
  }

  /** @throws {InputError} when the scene comes to too many steps. */
  step(init: StepInit): void {
    this.world.countStep();
    this.actor.add(init);
  }

  /** A place here, to jump back to. */
  here(): Label {
    const label = new Label();
    this.place(label);
    return label;
  }

  place(label: Label): void {
    this.actor.place(label);
  }

  /** Only goes on elsewhere; traces leave it out. */
  goto(label: Label): void {
    this.step({ text: '', jumps: [label], leaves: true, run: () => label.jump() });
  }

  lock(mutex: Component<MutexValue>, guard: LockGuard = NO_GUARD): void {
    this.step({
      text: `mutex_lock(&${mutex.name})`,
      reads: guard.reads,
      writes: [mutex],
      run: (view) => {
        if (!guard.check(view)) return undefined;
        const owner = view.get(mutex);
        if (owner !== -1) return waitForLock(mutex.name, [owner]);
        view.set(mutex, this.actor.id);
        return undefined;
      },
    });
  }

  /** @param then where to go on, if not at the next step. */
  unlock(mutex: Component<MutexValue>, then?: Label): void {
    this.step({
      text: `mutex_unlock(&${mutex.name})`,
      writes: [mutex],
      ...leavesTo(then),
      run: (view) => {
        if (view.get(mutex) !== this.actor.id)
          return view.oops('failed-call', `${mutex.name} is unlocked by who does not hold it`);
        view.set(mutex, -1);
        return then?.jump();
      },
    });
  }

  downRead(sem: Component<RwsemValue>): void {
    this.step({
      text: `down_read(&${sem.name})`,
      writes: [sem],
      run: (view) => {
        const { writer, readers, queue } = view.get(sem);
        if (writer !== -1) return waitForLock(sem.name, [writer]);
        // A waiting writer goes first, and those it waits for are waited for with it.
        const [first] = queue;
        if (first !== undefined) return waitForLock(sem.name, [first, ...readers]);
        view.set(sem, { writer, readers: [...readers, this.actor.id].sort((a, b) => a - b), queue });
        return undefined;
      },
    });
  }

  upRead(sem: Component<RwsemValue>, then?: Label): void {
    this.step({
      text: `up_read(&${sem.name})`,
      writes: [sem],
      ...leavesTo(then),
      run: (view) => {
        const { writer, readers, queue } = view.get(sem);
        const mine = readers.indexOf(this.actor.id);
        if (mine < 0) return view.oops('failed-call', `${sem.name} is released by who does not hold it`);
        view.set(sem, { writer, readers: readers.toSpliced(mine, 1), queue });
        return then?.jump();
      },
    });
  }

  downWrite(sem: Component<RwsemValue>): void {
    const { id } = this.actor;
    const taken = new Label();
    this.step({
      text: `down_write(&${sem.name})`,
      writes: [sem],
      jumps: [taken],
      run: (view) => {
        const { writer, readers, queue } = view.get(sem);
        if (writer === -1 && readers.length === 0) {
          view.set(sem, { writer: id, readers, queue });
          return taken.jump();
        }
        view.text = `down_write(&${sem.name}) queues`;
        view.set(sem, { writer, readers, queue: [...queue, id] });
        return undefined;
      },
    });
    this.step({
      text: `down_write(&${sem.name})`,
      writes: [sem],
      run: (view) => {
        const { writer, readers, queue } = view.get(sem);
        const owners = writer === -1 ? readers : [writer];
        if (owners.length > 0) return waitForLock(sem.name, owners);
        view.set(sem, { writer: id, readers, queue: queue.filter((other) => other !== id) });
        return undefined;
      },
    });
    this.place(taken);
  }

  upWrite(sem: Component<RwsemValue>): void {
    this.step({
      text: `up_write(&${sem.name})`,
      writes: [sem],
      run: (view) => {
        const value = view.get(sem);
        if (value.writer !== this.actor.id)
          return view.oops('failed-call', `${sem.name} is released by who does not hold it`);
        view.set(sem, { ...value, writer: -1 });
        return undefined;
      },
    });
  }

  /** Drops a reference; goes on with the next step only when it was the last one. */
  putRef(name: string, ref: Component<RefValue>, others: Label): void {
    this.step({
      text: `fput(${name})`,
      writes: [ref],
      jumps: [others],
      run: (view) => {
        const { count, freed } = view.get(ref);
        if (freed) return view.oops('use-after-free', `${name} is put once more than it was got`);
        const last = count === 1;
        view.set(ref, { count: count - 1, freed: last });
        if (last) view.text = `fput(${name}): the last reference`;
        return last ? undefined : others.jump();
      },
    });
  }

  /** Takes a reference; what has none left is gone. */
  getRef(name: string, ref: Component<RefValue>): void {
    this.step({
      text: `fget(${name})`,
      writes: [ref],
      run: (view) => {
        const { count, freed } = view.get(ref);
        if (freed) return view.oops('use-after-free', `a reference to ${name} is taken after it was freed`);
        view.set(ref, { count: count + 1, freed });
        return undefined;
      },
    });
  }

  /** Notes a call's result. */
  result(text: string): void {
    this.step({ text, run: (view) => void view.result(text) });
  }
}

/** A step that goes on at a label, or at the next step when there is none. */
export function leavesTo(label: Label | undefined): { jumps: readonly Label[]; leaves: boolean } {
  return { jumps: label ? [label] : [], leaves: label !== undefined };
}

export function waitForLock(what: string, owners: readonly number[]): Wait {
  return { kind: 'wait', what, owners };
}

export function waitForEvent(what: string, more: { idle?: boolean; met?: boolean } = {}): Wait {
  return { kind: 'wait', what, ...more };
}

/** The component of a name; scenes are checked before they are built, so that it exists. */
export function named<V>(all: ReadonlyMap<string, V>, name: string | undefined): V {
  const found = all.get(name ?? '');
  if (found === undefined) throw new Error(`${name} is not in the scene`);
  return found;
}
