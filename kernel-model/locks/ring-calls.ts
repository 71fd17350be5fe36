/** io_uring_register and io_uring_enter, mmap of a ring, and attaching a link. */
import { type Emitter, named, waitForEvent } from './emitter.ts';
import { Label, type View } from './program.ts';
import { emitRequest } from './read-call.ts';
import { putDropped } from './release.ts';
import type { Call, TableName } from './scene.ts';
import { appended, withSlots } from './walk.ts';
import { type Ring, slotValue } from './world.ts';

/** IORING_OP_READ of an iterator: inline with O_NONBLOCK, else by a worker; with SQPOLL by the ring's thread. */
export function emitEnter(emitter: Emitter, { enter, reads = '', length }: Call): void {
  const ring = named(emitter.world.rings, enter);
  const { submissions } = ring;
  if (ring.sqd) {
    emitter.step({
      text: `submit READ ${reads} to the SQPOLL thread`,
      writes: [submissions],
      run: (view) => void view.set(submissions, appended(view.get(submissions), reads, submissions.name)),
    });
    return;
  }
  emitter.lock(ring.lock);
  emitIssue(emitter, ring, reads, length);
  emitter.unlock(ring.lock);
}

/** Issues a read under `uring_lock`. */
export function emitIssue(
  emitter: Emitter,
  { name, work, life }: Ring,
  reads: string,
  length?: number,
): void {
  if (named(emitter.world.iterators, reads).def.nonblock) {
    emitRequest(emitter, reads, length);
    return;
  }
  emitter.step({
    text: `READ ${reads}: queued to io-wq of ${name}`,
    writes: [work, life],
    run: (view) => {
      const value = view.get(life);
      view.set(life, { ...value, refs: value.refs + 1 });
      view.set(work, appended(view.get(work), reads, work.name));
      return undefined;
    },
  });
}

export function emitRegister(emitter: Emitter, call: Call): void {
  const ring = named(emitter.world.rings, call.register);
  const which: TableName = call.files ? 'files' : 'buffers';
  const slots = (call.files ?? call.buffers ?? []).map(slotValue);
  const again = emitter.here();
  const out = new Label();
  emitter.lock(ring.lock);
  emitDying(emitter, ring, `register ${which} of ${ring.name}`, out);
  if (which === 'files') emitTakeFiles(emitter, ring, slots, out);
  else emitPin(emitter, ring, slots.length, call.retries ? again : undefined, out);
  emitTable(emitter, ring, which, `register ${which}`, () => slots);
  emitter.place(out);
  emitter.unlock(ring.lock);
}

/** A ring whose references are being drained refuses further register calls. */
function emitDying(emitter: Emitter, { life }: Ring, what: string, out: Label): void {
  emitter.step({
    text: '',
    reads: [life],
    jumps: [out],
    run: (view) => (view.get(life).dying ? failed(view, what, 'ENXIO', out) : undefined),
  });
}

function emitTakeFiles(emitter: Emitter, ring: Ring, slots: readonly (string | null)[], out: Label): void {
  const { links, iterators, variant, refs } = emitter.world;
  const names = slots.filter((name) => name !== null);
  const refused =
    variant.register_bpf_files === 'refused' && names.some((name) => links.has(name) || iterators.has(name));
  const held = names.map((name) => named(refs, name));
  const what = `register files of ${ring.name}`;
  emitter.step({
    text: 'fget() of each file',
    writes: held,
    jumps: [out],
    run: (view) => {
      if (refused || held.some((ref) => view.get(ref).freed)) return failed(view, what, 'EBADF', out);
      for (const ref of held) view.set(ref, { ...view.get(ref), count: view.get(ref).count + 1 });
      return undefined;
    },
  });
}

/** Pins the buffers' pages, one each, under mmap_lock, within what the user may lock. */
function emitPin(emitter: Emitter, ring: Ring, pages: number, again: Label | undefined, out: Label): void {
  const { mmapLock, locked, scene } = emitter.world;
  const limit = scene.memlock ?? Number.POSITIVE_INFINITY;
  const what = `register buffers of ${ring.name}`;
  const pinned = new Label();
  emitter.step({
    text: `${pages} pages charged to the user`,
    writes: [locked],
    jumps: [pinned, ...(again ? [] : [out])],
    run: (view) => {
      const sum = view.get(locked) + pages;
      if (sum <= limit) {
        view.set(locked, sum);
        return pinned.jump();
      }
      return again ? said(view, `${what}: -ENOMEM, tries again`) : failed(view, what, 'ENOMEM', out);
    },
  });
  if (again) {
    emitter.unlock(ring.lock);
    emitter.step({
      text: 'wait for locked pages to be given back',
      reads: [locked],
      jumps: [again],
      leaves: true,
      run: (view) =>
        view.get(locked) + pages > limit ? waitForEvent('locked pages to be given back') : again.jump(),
    });
  }
  emitter.place(pinned);
  emitter.downRead(mmapLock);
  emitter.upRead(mmapLock);
}

/** Replaces what a table holds. */
function emitTable(
  emitter: Emitter,
  ring: Ring,
  which: TableName,
  text: string,
  change: (slots: readonly (string | null)[]) => readonly (string | null)[] | null,
): void {
  const table = ring[which];
  emitter.step({
    text,
    writes: [table],
    run: (view) => {
      const value = view.get(table);
      view.set(table, withSlots(value, change(value.slots ?? []), table.name));
      return undefined;
    },
  });
}

/**
 * Takes a table away. Up to 6.12 the call waits, without `uring_lock`, for requests that use an entry; 6.12
 * shows no table meanwhile.
 */
export function emitUnregister(emitter: Emitter, { unregister, table: which = 'files' }: Call): void {
  const ring = named(emitter.world.rings, unregister);
  const { variant } = emitter.world;
  const table = ring[which];
  const users = ring.users[which];
  const what = `unregister ${which} of ${ring.name}`;
  const drop = new Label();
  const out = new Label();
  emitter.lock(ring.lock);
  emitDying(emitter, ring, what, out);
  emitter.step({
    text: what,
    reads: [users],
    writes: [table],
    jumps: [drop, out],
    run: (view) => {
      const value = view.get(table);
      if (!value.slots) return failed(view, what, 'ENXIO', out);
      if (view.get(users) === 0 || variant.kernel === '6.13') return drop.jump();
      if (variant.kernel === '6.12') view.set(table, { ...value, shown: 0 });
      return undefined;
    },
  });
  emitter.unlock(ring.lock);
  emitter.step({
    text: 'wait for requests that use the table',
    reads: [users],
    run: (view) => (view.get(users) > 0 ? waitForEvent(`requests to be done with ${table.name}`) : undefined),
  });
  emitter.lock(ring.lock);
  emitter.place(drop);
  emitDrop(emitter, ring, which);
  emitter.place(out);
  emitter.unlock(ring.lock);
  putDropped(emitter, which);
}

/** Empties a table; what it held is in the register `dropped` then. */
export function emitDrop(emitter: Emitter, ring: Ring, which: TableName): void {
  const { locked } = emitter.world;
  const table = ring[which];
  emitter.step({
    text: `${which} of ${ring.name} freed`,
    writes: [table, locked],
    run: (view) => {
      const value = view.get(table);
      const held = (value.slots ?? []).filter((name) => name !== null);
      if (which === 'files') view.remember({ dropped: held });
      else view.set(locked, view.get(locked) - (value.slots?.length ?? 0));
      view.set(table, withSlots(value, null, table.name));
      return undefined;
    },
  });
}

/** IORING_REGISTER_FILES_UPDATE (or of buffers) of one slot. */
export function emitUpdate(emitter: Emitter, call: Call): void {
  const { update, table: which = 'files', slot = 0, to = 'none' } = call;
  const ring = named(emitter.world.rings, update);
  const table = ring[which];
  const value = slotValue(to);
  const ref = which === 'files' && value !== null ? named(emitter.world.refs, value) : undefined;
  const what = `update ${which} of ${ring.name}`;
  const out = new Label();
  emitter.lock(ring.lock);
  emitDying(emitter, ring, what, out);
  emitter.step({
    text: `slot ${slot} of the ${which} becomes ${to}`,
    writes: ref ? [table, ref] : [table],
    jumps: [out],
    run: (view) => {
      const before = view.get(table);
      const old = before.slots?.[slot];
      if (!before.slots || old === undefined) return failed(view, what, 'EINVAL', out);
      if (ref) view.set(ref, { ...view.get(ref), count: view.get(ref).count + 1 });
      view.set(table, withSlots(before, before.slots.with(slot, value), table.name));
      if (which === 'files' && old !== null) view.remember({ dropped: [old] });
      return undefined;
    },
  });
  emitter.place(out);
  emitter.unlock(ring.lock);
  putDropped(emitter, which);
}

/** IORING_REGISTER_EVENTFD: 5.16 drains all references to the ring first, without `uring_lock`. */
export function emitRegisterEventfd(emitter: Emitter, name: string): void {
  const ring = named(emitter.world.rings, name);
  const { life, lock } = ring;
  const what = `register eventfd of ${name}`;
  const out = new Label();
  emitter.lock(lock);
  emitDying(emitter, ring, what, out);
  if (emitter.world.variant.kernel === '5.16') {
    emitter.step({
      text: `percpu_ref_kill(&${name}->refs)`,
      writes: [life],
      run: (view) => {
        const value = view.get(life);
        view.set(life, { ...value, refs: value.refs - 1, dying: true });
        return undefined;
      },
    });
    emitter.unlock(lock);
    emitter.step({
      text: `wait_for_completion(&${name}->ref_comp)`,
      reads: [life],
      run: (view) => (view.get(life).refs > 0 ? waitForEvent(`${name}->refs to drain`) : undefined),
    });
    emitter.lock(lock);
    emitter.step({
      text: `percpu_ref_reinit(&${name}->refs)`,
      writes: [life],
      run: (view) => void view.set(life, { ...view.get(life), refs: 1, dying: false }),
    });
  }
  emitter.result(`${what} = 0`);
  emitter.place(out);
  emitter.unlock(lock);
}

/** IORING_REGISTER_IOWQ_MAX_WORKERS of an SQPOLL ring takes the thread's lock first. */
export function emitMaxWorkers(emitter: Emitter, name: string): void {
  const { lock, sqd } = named(emitter.world.rings, name);
  emitter.lock(lock);
  if (sqd) {
    emitter.unlock(lock);
    emitter.lock(sqd);
    emitter.lock(lock);
  }
  emitter.result(`limit workers of ${name} = 0`);
  emitter.unlock(lock);
  if (sqd) emitter.unlock(sqd);
}

/** A request takes (or is done with) an entry of a table. */
export function emitUse(emitter: Emitter, name: string, which: TableName, by: 1 | -1): void {
  const ring = named(emitter.world.rings, name);
  const users = ring.users[which];
  if (by > 0) emitter.lock(ring.lock);
  emitter.step({
    text: `a request ${by > 0 ? 'takes' : 'is done with'} an entry of the ${which}`,
    writes: [users],
    run: (view) => void view.set(users, view.get(users) + by),
  });
  if (by > 0) emitter.unlock(ring.lock);
}

/** mmap of a ring, which the kernel calls with mmap_lock held for writing. */
export function emitMmap(emitter: Emitter, name: string): void {
  const { lock } = named(emitter.world.rings, name);
  const { mmapLock, variant } = emitter.world;
  emitter.downWrite(mmapLock);
  if (variant.ring_mmap === 'uring_lock') {
    emitter.lock(lock);
    emitter.unlock(lock);
  }
  emitter.upWrite(mmapLock);
}

/** BPF_LINK_CREATE. */
export function emitAttach(emitter: Emitter, name: string): void {
  const { links, rings, refs, variant } = emitter.world;
  const { to, attached } = named(links, name);
  const life = rings.get(to)?.life;
  const ref = named(refs, to);
  const out = new Label();
  const what = `attach ${name} to ${to}`;
  emitter.step({
    text: what,
    writes: [attached, ref, ...(life ? [life] : [])],
    jumps: [out],
    run: (view) => {
      if (view.get(ref).freed) return failed(view, what, 'EBADF', out);
      if (life && variant.link_holds === 'refs') {
        const value = view.get(life);
        if (value.refs === 0) return failed(view, what, 'ENXIO', out);
        view.set(life, { ...value, refs: value.refs + 1 });
      } else if (!life || variant.link_holds === 'file') {
        view.set(ref, { ...view.get(ref), count: view.get(ref).count + 1 });
      }
      view.set(attached, true);
      view.result(`${what} = 0`);
      return undefined;
    },
  });
  emitter.place(out);
}

function failed(view: View, what: string, errno: string, out: Label) {
  said(view, `${what} = -${errno}`);
  view.result(`${what} = -${errno}`);
  return out.jump();
}

function said(view: View, text: string): undefined {
  view.text = text;
}
