/** Loops: with back edges, may_goto, bpf_loop and the open-coded iterator of numbers. */
import { type Draft, memory, SCALAR } from '../draft.ts';
import { KFUNCS, type KfuncName } from '../maps.ts';
import { callback } from './calls.ts';
import { lookup } from './memory.ts';
import { bounded, operate, unknown } from './scalars.ts';

export type Body = (draft: Draft) => void;

export function kfunc(name: KfuncName): string {
  return `${name}#${KFUNCS.findIndex((candidate) => candidate.name === name)}`;
}

/** for (i = 0; i < n; i++) and its kin. */
export function counted(draft: Draft, body: Body): void {
  const { random } = draft;
  if (draft.savedLeft() < 1) return;
  const counter = draft.take(true);
  const wide = random.chance(0.6);
  const name = `${wide ? 'r' : 'w'}${counter}`;
  const down = random.chance(0.3);
  const step = random.pick([1, 1, 1, 2, 3]);
  const rounds = random.pick([1, 2, 3, 4, 6, 10]);
  const top = draft.label();
  draft.emit(`${name} = ${down ? rounds * step : 0}`);
  draft.place(top);
  const spill = random.chance(0.2) ? draft.stack(8) : undefined;
  draft.maybe(() => body(draft));
  if (spill !== undefined)
    draft.emit(`*(u64 *)(r10 ${spill}) = r${counter}`, `r${counter} = *(u64 *)(r10 ${spill})`);
  if (!endless(draft)) draft.emit(`${name} ${down ? '-=' : '+='} ${step}`);
  const until = down ? 0 : rounds * step;
  // One that steps over its end goes round for ever.
  const odd = step > 1 && endless(draft) ? 1 : 0;
  const forever = endless(draft);
  const comparison = down ? random.pick(['!=', '>', 's>']) : random.pick(['!=', '<', 's<']);
  draft.emit(forever ? `goto ${top}` : `if ${name} ${comparison} ${until + odd} goto ${top}`);
  draft.give(counter, SCALAR);
}

/** Whether to go round for ever. Seldom: a kernel follows such a loop for a million instructions. */
function endless(draft: Draft): boolean {
  return draft.slip() && draft.random.chance(0.15);
}

/** A loop over a number that is only known to be bounded. */
export function dataDependent(draft: Draft): void {
  const { random } = draft;
  if (draft.savedLeft() < 2) return;
  const limit = draft.take(true);
  const counter = draft.take(true);
  const max = random.int(1, 8);
  bounded(draft, limit, max);
  draft.emit(`r${counter} = 0`);
  const top = draft.label();
  const end = draft.label();
  draft.place(top);
  draft.emit(`if r${counter} ${random.pick(['>=', '==', 's>='])} r${limit} goto ${end}`);
  const at = draft.stack(8);
  if (at !== undefined) draft.emit(`${memory(random.pick([4, 8]), 10, at)} = r${counter}`);
  draft.emit(`r${counter} += 1`, `goto ${top}`);
  draft.place(end);
  draft.give(counter, SCALAR);
  draft.give(limit, SCALAR);
}

/** while (may_goto) ... */
export function mayGoto(draft: Draft, body: Body): void {
  const { random } = draft;
  if (draft.savedLeft() < 1) return;
  const counter = draft.take(true);
  const top = draft.label();
  const end = draft.label();
  draft.emit(`r${counter} = 0`);
  draft.place(top);
  draft.emit(`may_goto ${end}`);
  if (random.chance(0.4))
    draft.emit(`if r${counter} ${random.pick(['==', '>', '>='])} ${random.int(3, 200)} goto ${end}`);
  draft.maybe(() => body(draft));
  if (random.chance(0.8)) draft.emit(`r${counter} += 1`);
  if (draft.slip()) draft.emit(`r${counter} = *(u8 *)(r${counter} +0)`);
  draft.emit(`goto ${top}`);
  draft.place(end);
  // Where the number of rounds comes to matter, the kernel goes them all.
  draft.give(counter, endless(draft) ? SCALAR : undefined);
}

/** bpf_loop(n, callback, context, 0) */
export function helperLoop(draft: Draft, body: Body): void {
  const { random } = draft;
  const at = draft.stack(16);
  if (!draft.canCall() || at === undefined) return;
  draft.emit(`*(u64 *)(r10 ${at}) = ${random.int(0, 3)}`, `*(u64 *)(r10 ${at + 8}) = 0`);
  const index = callback(draft, { params: ['scalar', 'mem'], body, result: draft.slip() ? [0, 2] : [0, 1] });
  if (random.chance(0.6)) draft.emit(`r1 = ${random.int(0, 100)}`);
  else {
    unknown(draft, 1);
    if (random.chance(0.5)) draft.emit('r1 &= 63');
  }
  draft.emit(`r2 = subprog[pc+${index}]`, 'r3 = r10', `r3 += ${at}`, `r4 = ${draft.slip() ? 1 : 0}`);
  draft.call('bpf_loop', SCALAR);
  draft.using((register) => {
    draft.emit(`r${register} = ${memory(random.pick([4, 8]), 10, at)}`);
    if (draft.slip()) draft.emit(`r${register} += r10`, `*(u8 *)(r${register} -64) = 1`);
    return SCALAR;
  });
}

/** bpf_for(i, from, to) */
export function iterator(draft: Draft, body: Body): void {
  const { random } = draft;
  const at = draft.stack(8);
  if (!draft.canCall() || at === undefined) return;
  const pointer = () => draft.emit('r1 = r10', `r1 += ${at}`);
  pointer();
  draft.emit(`r2 = ${random.int(-2, 4)}`, `r3 = ${random.int(0, 60)}`);
  if (!draft.slip()) draft.call(kfunc('bpf_iter_num_new'), SCALAR);
  const top = draft.label();
  const end = draft.label();
  draft.place(top);
  pointer();
  draft.call(kfunc('bpf_iter_num_next'));
  if (!draft.slip()) draft.emit(`if r0 == 0 goto ${end}`);
  draft.using((register) => {
    if (register !== 0) draft.emit(`r${register} = *(u32 *)(r0 +0)`);
    else draft.emit('r0 = *(u32 *)(r0 +0)');
    if (random.chance(0.4)) indexed(draft, register);
    return SCALAR;
  });
  draft.withExit(end, () => draft.maybe(() => body(draft)));
  if (draft.slip()) draft.emit(`*(u32 *)(r10 ${at}) = 1`);
  draft.emit(`goto ${top}`);
  draft.place(end);
  draft.forgetAll();
  pointer();
  if (!draft.slip()) draft.call(kfunc('bpf_iter_num_destroy'));
}

/** The number of the round as an index. */
function indexed(draft: Draft, register: number): void {
  const at = draft.stack(64);
  if (at === undefined) return;
  draft.using((pointer) => {
    const label = draft.label();
    draft.emit(`if r${register} > ${draft.slip() ? 64 : 63} goto ${label}`);
    draft.emit(`r${pointer} = r10`, `r${pointer} += r${register}`, `*(u8 *)(r${pointer} ${at}) = 1`);
    draft.place(label);
    return undefined;
  });
}

/** A loop over the bytes of a map's value. */
export function overValue(draft: Draft): void {
  const { random } = draft;
  if (draft.savedLeft() < 3) return;
  lookup(draft, random.pick(['wide_array', 'odd_array', 'hash']), (value, region) => {
    const counter = draft.take(true);
    const sum = draft.take();
    const top = draft.label();
    const rounds = Math.min(region.size, 16);
    draft.emit(`r${counter} = 0`, `r${sum} = 0`);
    draft.place(top);
    const pointer = draft.take();
    const byte = draft.take();
    draft.emit(`r${pointer} = r${value}`, `r${pointer} += r${counter}`);
    draft.emit(`r${byte} = *(u8 *)(r${pointer} +${region.size - rounds + (draft.slip() ? 1 : 0)})`);
    draft.emit(`r${sum} += r${byte}`);
    if (random.chance(0.3)) operate(draft, sum, byte);
    draft.emit(`r${counter} += 1`, `if r${counter} ${random.pick(['!=', '<', 's<'])} ${rounds} goto ${top}`);
    draft.give(byte, SCALAR);
    draft.give(pointer);
    draft.give(sum, SCALAR);
    draft.give(counter, SCALAR);
  });
}
