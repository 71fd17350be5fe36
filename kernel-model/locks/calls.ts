/** Each call of a scene as steps. */
import { type Emitter, named, waitForEvent } from './emitter.ts';
import { emitEpollCtl, emitEpollWait } from './epoll-calls.ts';
import { Label } from './program.ts';
import { emitRead } from './read-call.ts';
import { put } from './release.ts';
import {
  emitAttach,
  emitEnter,
  emitMaxWorkers,
  emitMmap,
  emitRegister,
  emitRegisterEventfd,
  emitUnregister,
  emitUpdate,
  emitUse,
} from './ring-calls.ts';
import type { Call } from './scene.ts';

type Emit = (emitter: Emitter, value: string, call: Call) => void;

/** By the key that names a call; its value is a name of the scene. */
export const CALLS: { readonly [key: string]: Emit } = {
  lock: (emitter, name) => emitter.lock(named(emitter.world.mutexes, name)),
  unlock: (emitter, name) => emitter.unlock(named(emitter.world.mutexes, name)),
  trylock: (emitter, name, { held = [] }) => emitTryLock(emitter, name, held),
  down_read: (emitter, name) => emitter.downRead(named(emitter.world.rwsems, name)),
  up_read: (emitter, name) => emitter.upRead(named(emitter.world.rwsems, name)),
  down_write: (emitter, name) => emitter.downWrite(named(emitter.world.rwsems, name)),
  up_write: (emitter, name) => emitter.upWrite(named(emitter.world.rwsems, name)),
  wait: (emitter, name, { checks }) => emitWait(emitter, name, checks === 'before-queueing'),
  wake: emitWake,
  get: (emitter, name) => emitter.getRef(name, named(emitter.world.refs, name)),
  put,
  access: emitAccess,
  read: (emitter, _name, call) => emitRead(emitter, call),
  resolve_fault: emitResolveFault,
  enter: (emitter, _name, call) => emitEnter(emitter, call),
  register: (emitter, _name, call) => emitRegister(emitter, call),
  unregister: (emitter, _name, call) => emitUnregister(emitter, call),
  update: (emitter, _name, call) => emitUpdate(emitter, call),
  register_eventfd: emitRegisterEventfd,
  iowq_max_workers: emitMaxWorkers,
  use: (emitter, name, { table = 'files' }) => emitUse(emitter, name, table, 1),
  finish: (emitter, name, { table = 'files' }) => emitUse(emitter, name, table, -1),
  mmap: emitMmap,
  attach: emitAttach,
  close: put,
  epoll_add: (emitter, name, call) => emitEpollCtl(emitter, name, call, true),
  epoll_del: (emitter, name, call) => emitEpollCtl(emitter, name, call, false),
  epoll_wait: (emitter, name, { faults = false }) => emitEpollWait(emitter, name, faults),
};

export function emitCalls(emitter: Emitter, calls: readonly Call[]): void {
  for (const call of calls) emitCall(emitter, call);
}

function emitCall(emitter: Emitter, call: Call): void {
  if (call.forever) {
    const top = emitter.here();
    emitCalls(emitter, call.forever);
    emitter.goto(top);
    return;
  }
  const key = callName(call);
  CALLS[key]?.(emitter, call[key as keyof Call] as string, call);
}

/** The key that says which call it is. */
export function callName(call: Call): string {
  const key = Object.keys(CALLS).find((name) => Object.hasOwn(call, name));
  if (key === undefined) throw new Error(`a call that is none: ${JSON.stringify(call)}`);
  return key;
}

function emitTryLock(emitter: Emitter, name: string, held: readonly Call[]): void {
  const mutex = named(emitter.world.mutexes, name);
  const failed = new Label();
  emitter.step({
    text: `mutex_trylock(&${name})`,
    writes: [mutex],
    jumps: [failed],
    run: (view) => {
      if (view.get(mutex) !== -1) {
        view.text = `mutex_trylock(&${name}) fails`;
        return failed.jump();
      }
      view.set(mutex, emitter.actor.id);
      return undefined;
    },
  });
  emitCalls(emitter, held);
  emitter.unlock(mutex);
  emitter.place(failed);
}

/** Sleeps until an event has happened. Who looks before queueing misses a wake-up that comes in between. */
function emitWait(emitter: Emitter, name: string, early: boolean): void {
  const event = named(emitter.world.events, name);
  const { id } = emitter.actor;
  const again = emitter.here();
  const over = new Label();
  const look = () =>
    emitter.step({
      text: `${name}?`,
      writes: [event],
      jumps: [over],
      run: (view) => {
        const { happened, sleepers } = view.get(event);
        view.text = `${name} ${happened ? 'has happened' : 'has not happened yet'}`;
        if (!happened) return undefined;
        view.set(event, { happened, sleepers: sleepers.filter((other) => other !== id) });
        return over.jump();
      },
    });
  if (early) look();
  emitter.step({
    text: `queues itself for ${name}`,
    writes: [event],
    run: (view) => {
      const { happened, sleepers } = view.get(event);
      view.set(event, { happened, sleepers: [...new Set([...sleepers, id])].sort((a, b) => a - b) });
      return undefined;
    },
  });
  if (!early) look();
  emitter.step({
    text: `schedule(): sleeps until wake_up(${name})`,
    reads: [event],
    jumps: [again],
    leaves: true,
    run: (view) => {
      const { happened, sleepers } = view.get(event);
      return sleepers.includes(id) ? waitForEvent(name, { met: happened }) : again.jump();
    },
  });
  emitter.place(over);
}

function emitWake(emitter: Emitter, name: string): void {
  const event = named(emitter.world.events, name);
  emitter.step({
    text: `${name} happens`,
    writes: [event],
    run: (view) => void view.set(event, { ...view.get(event), happened: true }),
  });
  emitter.step({
    text: `wake_up(${name})`,
    writes: [event],
    run: (view) => void view.set(event, { ...view.get(event), sleepers: [] }),
  });
}

function emitAccess(emitter: Emitter, name: string): void {
  const ref = named(emitter.world.refs, name);
  emitter.step({
    text: `uses ${name}`,
    reads: [ref],
    run: (view) =>
      view.get(ref).freed ? view.oops('use-after-free', `${name} is used after it was freed`) : undefined,
  });
}

/** Who handles page faults in user space waits for the reader's fault, and ends it. */
function emitResolveFault(emitter: Emitter, reader: string): void {
  const fault = named(emitter.world.faults, reader);
  emitter.step({
    text: `the page for ${reader} is there`,
    writes: [fault],
    run: (view) => {
      if (!view.get(fault)) return waitForEvent(`a fault of ${reader}`, { idle: true });
      view.set(fault, false);
      return undefined;
    },
  });
}
