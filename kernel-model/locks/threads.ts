/** Threads of the kernel: io-wq workers, SQPOLL threads, and the worker that frees closed rings. */
import { type Emitter, waitForEvent } from './emitter.ts';
import { Label } from './program.ts';
import { emitRequest } from './read-call.ts';
import { putDropped, putRing } from './release.ts';
import { emitDrop, emitIssue } from './ring-calls.ts';
import type { Component } from './state.ts';
import type { Ring } from './world.ts';

/** Runs reads that cannot be run inline; holds no `uring_lock` while it does. */
export function emitWorker(emitter: Emitter, ring: Ring, iterators: readonly string[]): void {
  const top = emitter.here();
  take(emitter, ring.work, `io-wq of ${ring.name}`);
  eachRequest(emitter, iterators, (name) => emitRequest(emitter, name));
  putRing(emitter, ring);
  emitter.goto(top);
}

export function emitSqThread(emitter: Emitter, ring: Ring, iterators: readonly string[]): void {
  const { sqd, submissions, lock, name } = ring;
  if (!sqd) return;
  const top = emitter.here();
  emitter.step({
    text: 'submissions to take',
    reads: [submissions],
    run: (view) =>
      view.get(submissions).length === 0 ? waitForEvent(`submissions to ${name}`, { idle: true }) : undefined,
  });
  emitter.lock(sqd);
  emitter.lock(lock);
  take(emitter, submissions, `submissions to ${name}`);
  eachRequest(emitter, iterators, (iterator) => emitIssue(emitter, ring, iterator));
  emitter.unlock(lock);
  emitter.unlock(sqd);
  emitter.goto(top);
}

/** Frees a ring whose file is closed, once nobody refers to it. */
export function emitExitWork(emitter: Emitter, ring: Ring): void {
  const { name, life, lock } = ring;
  emitter.step({
    text: `exit work of ${name} starts`,
    reads: [life],
    run: (view) => (view.get(life).closed ? undefined : waitForEvent(`${name} to be closed`, { idle: true })),
  });
  emitter.step({
    text: `wait_for_completion(&${name}->ref_comp)`,
    reads: [life],
    run: (view) => (view.get(life).refs > 0 ? waitForEvent(`${name}->refs to become 0`) : undefined),
  });
  emitter.lock(lock);
  emitDrop(emitter, ring, 'buffers');
  emitDrop(emitter, ring, 'files');
  emitter.unlock(lock);
  putDropped(emitter, 'files');
  emitter.step({
    text: `${name} is freed`,
    writes: [life],
    run: (view) => void view.set(life, { ...view.get(life), freed: true }),
  });
}

/** Waits for the next of a queue, and remembers it as `request`. */
function take(emitter: Emitter, queue: Component<readonly string[]>, what: string): void {
  emitter.step({
    text: `takes a request`,
    writes: [queue],
    run: (view) => {
      const [first, ...rest] = view.get(queue);
      if (first === undefined) return waitForEvent(what, { idle: true });
      view.set(queue, rest);
      view.remember({ request: first });
      view.text = `takes READ ${first}`;
      return undefined;
    },
  });
}

function eachRequest(emitter: Emitter, iterators: readonly string[], emit: (name: string) => void): void {
  for (const name of iterators) {
    const other = new Label();
    emitter.step({
      text: '',
      jumps: [other],
      run: (view) => (view.register('request') === name ? undefined : other.jump()),
    });
    emit(name);
    emitter.place(other);
  }
  emitter.step({ text: '', run: (view) => view.remember({ request: undefined }) });
}
