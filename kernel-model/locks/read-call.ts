/** read(2) of an iterator, step by step; the rule of its output is checked when the reader has met the end. */
import { checkDump, checkPart, type Rule, type Version } from './check-dump.ts';
import { type Emitter, leavesTo, named, waitForEvent } from './emitter.ts';
import { emitFdinfo } from './fdinfo.ts';
import { Label, type View } from './program.ts';
import { put, putRing } from './release.ts';
import type { Call } from './scene.ts';
import {
  buffered,
  finish,
  first,
  handOut,
  next,
  type Printing,
  type SeqState,
  show,
  type Token,
  type Visited,
} from './seq.ts';
import { openSource, type Source } from './source.ts';
import type { Iterator, Ring } from './world.ts';

const DEFAULT_LENGTH = 4096;
const RECORD_BYTES = 8;

/** What a read gave. */
type ReadResult = 'data' | 'end' | 'EDEADLK' | 'ESTALE' | 'EBADF' | 'ENODEV';

interface Reading {
  readonly emitter: Emitter;
  readonly iterator: Iterator;
  readonly source: Source;
  readonly printing: Printing;
  readonly length: number;
  readonly faults: boolean;
  /** The output is kept, to be compared with what was there. */
  readonly judged: boolean;
}

/** The `read` call of a scene: once, or until the end with a check of all the output. */
export function emitRead(emitter: Emitter, call: Call): void {
  const file = named(emitter.world.iterators, call.read);
  if (file.def.target === 'fdinfo') {
    emitFdinfo(emitter, file);
    return;
  }
  const reading = open(emitter, call.read, call);
  const name = reading.iterator.def.name;
  if (call.until === 'once') {
    readOnce(reading);
    emitter.step({ text: `read(${name}) returns`, run: (view) => returned(view, name) });
    return;
  }
  const again = emitter.here();
  const end = new Label();
  const gaveUp = new Label();
  readOnce(reading);
  emitter.step({
    text: `read(${name}) returns`,
    jumps: [again, end, gaveUp],
    leaves: true,
    run: (view) => {
      const result = view.register<ReadResult>('result');
      returned(view, name);
      if (result === 'data' || (result === 'EDEADLK' && call.on_error === 'retry')) return again.jump();
      return result === 'end' || call.on_error === 'take-as-end' ? end.jump() : gaveUp.jump();
    },
  });
  emitter.place(end);
  if (reading.judged) emitCheck(reading, call.rule ?? reading.source.rule);
  emitter.place(gaveUp);
  emitter.step({
    text: '',
    run: (view) => view.remember({ got: undefined, since: undefined }),
  });
}

/** One read by a request of io_uring. */
export function emitRequest(emitter: Emitter, iterator: string, length?: number): void {
  const file = named(emitter.world.iterators, iterator);
  if (file.def.target === 'fdinfo') {
    emitFdinfo(emitter, file);
    return;
  }
  readOnce(open(emitter, iterator, length === undefined ? {} : { length }));
  emitter.step({
    text: 'completion posted',
    run: (view) => {
      const result = view.register<ReadResult>('result');
      returned(view, iterator);
      view.text = `completion of READ ${iterator}: ${result}`;
      return undefined;
    },
  });
}

function open(emitter: Emitter, name: string | undefined, call: Call): Reading {
  const iterator = named(emitter.world.iterators, name);
  const { header, epoll_dead } = emitter.world.variant;
  return {
    emitter,
    iterator,
    source: openSource(emitter.world, iterator),
    printing: {
      recordBytes: iterator.def.record_bytes ?? RECORD_BYTES,
      header,
      deadCounted: epoll_dead === 'counted',
    },
    length: call.length ?? DEFAULT_LENGTH,
    faults: call.faults ?? false,
    judged: call.read !== undefined && call.until !== 'once' && emitter.world.soleReader(iterator.def.name),
  };
}

function returned(view: View, name: string): undefined {
  const result = view.register<ReadResult>('result');
  view.text = `read(${name}) = ${result}`;
  view.result(`read(${name}) = ${result}`);
  view.remember({ result: undefined });
}

/** Leaves its result in the register `result`. */
function readOnce(reading: Reading): void {
  const { emitter, iterator, source } = reading;
  const { world } = emitter;
  const { name } = iterator.def;
  const copy = new Label();
  const unlock = new Label();
  const closed = new Label();
  const guarded = world.mayClose(name);
  if (guarded) emitFdget(emitter, name, closed);
  emitter.lock(iterator.lock);
  const weak = world.variant.link_holds === 'weak' ? world.rings.get(iterator.def.of ?? '') : undefined;
  if (weak) emitBorrow(reading, weak, unlock);
  emitStart(reading, copy, unlock);
  const stale = new Label();
  emitVisits(reading, stale);
  const lockedCopy = world.variant.copy === 'locked' && source.unlocks;
  if (lockedCopy) emitCopy(reading);
  source.unlock(emitter, lockedCopy ? unlock : undefined);
  emitter.place(copy);
  emitCopy(reading, unlock);
  emitter.place(stale);
  source.unlock(emitter);
  emitter.place(unlock);
  if (weak) emitGiveBack(emitter, weak);
  emitter.unlock(iterator.lock);
  if (guarded) put(emitter, name);
  emitter.place(closed);
}

/** The descriptor's file stays while it is read. */
function emitFdget(emitter: Emitter, name: string, closed: Label): void {
  const ref = named(emitter.world.refs, name);
  emitter.step({
    text: `fdget(${name})`,
    writes: [ref],
    jumps: [closed],
    run: (view) => {
      const { count, freed } = view.get(ref);
      if (freed) return fail(view, 'EBADF', closed);
      view.set(ref, { count: count + 1, freed });
      return undefined;
    },
  });
}

/** An iterator without a reference of its own takes one for the time of a read that needs the ring. */
function emitBorrow({ emitter, iterator, printing }: Reading, { name, life }: Ring, unlock: Label): void {
  const { seq } = iterator;
  emitter.step({
    text: `percpu_ref_tryget(&${name}->refs)`,
    reads: [seq],
    writes: [life],
    jumps: [unlock],
    run: (view) => {
      const value = view.get(life);
      if (buffered(view.get(seq), printing) > 0) return said(view, '');
      if (value.closed || value.refs === 0) return fail(view, 'ENODEV', unlock);
      view.set(life, { ...value, refs: value.refs + 1 });
      view.remember({ borrowed: true });
      return undefined;
    },
  });
}

function emitGiveBack(emitter: Emitter, ring: Ring): void {
  const nothing = new Label();
  emitter.step({
    text: '',
    jumps: [nothing],
    run: (view) => (view.register('borrowed') ? view.remember({ borrowed: undefined }) : nothing.jump()),
  });
  putRing(emitter, ring);
  emitter.place(nothing);
}

function said(view: View, text: string): undefined {
  view.text = text;
}

/** Bytes of an earlier read go first, alone; else the object's lock is taken. */
function emitStart({ emitter, iterator, source, printing }: Reading, copy: Label, unlock: Label): void {
  const { seq } = iterator;
  const name = iterator.def.name;
  const leftOver = (view: View) => buffered(view.get(seq), printing) > 0;
  const guard = { reads: source.alive, check: (view: View) => source.check(view, name) };
  const { lock } = source;
  if (lock && source.tries) {
    emitter.step({
      text: `mutex_trylock(&${lock.name})`,
      reads: [seq, ...source.alive],
      writes: [lock],
      jumps: [copy, unlock],
      run: (view) => {
        if (leftOver(view)) return drain(view, copy);
        if (!guard.check(view)) return undefined;
        if (view.get(lock) !== -1) {
          fail(view, 'EDEADLK', unlock);
          view.text = `mutex_trylock(&${lock.name}) fails: -EDEADLK`;
          return unlock.jump();
        }
        view.set(lock, emitter.actor.id);
        return undefined;
      },
    });
    return;
  }
  emitter.step({
    text: '',
    reads: [seq],
    jumps: [copy],
    run: (view) => (leftOver(view) ? drain(view, copy) : undefined),
  });
  if (lock) emitter.lock(lock, guard);
  else source.enter(emitter);
}

function drain(view: View, copy: Label) {
  view.text = 'bytes are left over from the last read';
  return copy.jump();
}

function fail(view: View, result: ReadResult, to: Label) {
  view.text = `-${result}`;
  view.remember({ result });
  return to.jump();
}

/** start, show, next, show, ..., stop. */
function emitVisits({ emitter, iterator, source, printing, length, judged }: Reading, stale: Label): void {
  const { seq, walk } = iterator;
  const stop = new Label();
  const refuses = emitter.world.variant.table_change === 'ESTALE';
  emitter.step({
    text: 'start',
    reads: [...source.tables, ...source.alive],
    writes: [seq],
    jumps: [stop, stale],
    run: (view) => {
      if (!source.check(view, iterator.def.name)) return undefined;
      const before = view.get(seq);
      const version = source.version(view);
      if (refuses && before.version >= 0 && before.version !== version) return fail(view, 'ESTALE', stale);
      if (judged && view.register('since') === undefined) view.remember({ since: version });
      const [after, object] = first({ ...before, version }, walk, source.table(view));
      return visit(view, after, object);
    },
  });
  const more = emitter.here();
  emitter.step({
    text: 'next',
    reads: source.tables,
    writes: [seq],
    jumps: [stop, more],
    leaves: true,
    run: (view) => {
      const last = view.register<Visited>('object') as Visited;
      const [after, object] = next(view.get(seq), walk, source.table(view), last);
      if (object && buffered(after, printing) >= length) {
        view.set(seq, after);
        view.remember({ object });
        view.text = `next: ${object.item}; the reader's buffer is full`;
        return stop.jump();
      }
      return visit(view, after, object) ?? more.jump();
    },
  });
  const visit = (view: View, after: SeqState<unknown>, object: Visited | null) => {
    view.remember({ object });
    view.set(seq, object ? show(after, object, printing) : after);
    view.text = object ? `show ${object.item}${object.dead ? ': dead, not shown' : ''}` : 'no more objects';
    return object ? undefined : stop.jump();
  };
  emitter.place(stop);
  emitter.step({
    text: 'stop',
    reads: source.tables,
    writes: [seq],
    run: (view) => {
      const object = view.register<Visited | null>('object');
      const before = view.get(seq);
      if (object) {
        view.set(seq, { ...before, cursor: walk.putBack(before.cursor, source.table(view), object) });
        view.text = `stop before ${object.item}`;
      } else {
        view.set(seq, finish(before, walk, printing));
        view.text = before.doneStop ? 'stop' : 'stop: the program ends its output';
      }
      view.remember({ object: undefined });
      return undefined;
    },
  });
}

function emitCopy({ emitter, iterator, printing, length, faults, judged }: Reading, then?: Label): void {
  const { seq } = iterator;
  if (faults) emitFault(emitter);
  emitter.step({
    text: 'copy_to_user()',
    writes: [seq],
    ...leavesTo(then),
    run: (view) => {
      const [after, tokens, size] = handOut(view.get(seq), length, printing);
      view.set(seq, after);
      view.text = `copy_to_user(): ${size} bytes`;
      view.delivered = size > 0;
      view.remember({ result: size > 0 ? 'data' : 'end' });
      if (judged) collect(view, tokens);
      return then?.jump();
    },
  });
}

/** A copy to user memory meets a page that another task has to provide; mmap_lock is not held meanwhile. */
export function emitFault(emitter: Emitter): void {
  const { faults, mmapLock } = emitter.world;
  const fault = named(faults, emitter.actor.name);
  emitter.downRead(mmapLock);
  emitter.step({
    text: 'copy_to_user(): page fault',
    writes: [fault],
    run: (view) => void view.set(fault, true),
  });
  emitter.upRead(mmapLock);
  emitter.step({
    text: 'copy_to_user(): waits for the page',
    reads: [fault],
    run: (view) => (view.get(fault) ? waitForEvent('the page of its buffer') : undefined),
  });
}

/** Output that is wrong already is not kept, so that a reader that goes round comes back to where it was. */
function collect(view: View, tokens: readonly Token[]): void {
  const got = view.register<readonly Token[] | 'spoilt'>('got') ?? [];
  if (got === 'spoilt') return;
  const all = [...got, ...tokens];
  const wrong = checkPart(all);
  if (wrong) view.fault('wrong-output', wrong);
  view.remember({ got: wrong ? 'spoilt' : all });
}

function emitCheck({ emitter, iterator, source }: Reading, rule: Rule): void {
  emitter.step({
    text: `${iterator.def.name} is read to its end`,
    reads: source.tables,
    run: (view) => {
      const got = view.register<readonly Token[] | 'spoilt'>('got') ?? [];
      if (got === 'spoilt') return undefined;
      const since = view.register<number>('since') ?? 0;
      const versions: Version[] = source.versions(view).slice(since);
      const wrong = checkDump(got, versions, rule);
      if (wrong) view.fault('wrong-output', wrong);
      return undefined;
    },
  });
}
