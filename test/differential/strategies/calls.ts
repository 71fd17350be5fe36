/** Functions of the program: static and global ones, callbacks, tail calls. */
import { Draft, SCALAR, type Value } from '../draft.ts';
import { mapIndex, mapNamed } from '../maps.ts';
import type { Param } from '../program.ts';
import { fill } from './memory.ts';
import { bound, unknown } from './scalars.ts';

export type Body = (draft: Draft) => void;

interface Callee {
  kind: 'static' | 'global';
  params: readonly Param[];
  body: Body;
}

const MEM: Value = { kind: 'memory', size: 16, writable: true };
const MAX_FUNCTIONS = 6;
const FRAME = 96;

/** Makes up a function. @returns its index. */
function define(draft: Draft, { kind, params, body }: Callee, finish: Body): number {
  const { functions } = draft.shared;
  const index = functions.length;
  // Its place is taken now: what it calls comes behind it.
  functions.push({ kind, params, text: '' });
  const callee = new Draft(draft.shared, FRAME);
  callee.depth = draft.depth + 1;
  for (const [at, param] of params.entries()) {
    const from = at + 1;
    const to = callee.take(true);
    callee.emit(`r${to} = r${from}`);
    if (param === 'ctx') callee.ctx = to;
    else if (param === 'mem') keep(callee, to, kind);
    else callee.give(to, SCALAR);
  }
  body(callee);
  finish(callee);
  functions[index] = callee.finish(kind, params);
  return index;
}

/** The memory that was passed; a global function has to ask whether it is there. */
function keep(callee: Draft, register: number, kind: Callee['kind']): void {
  if (kind === 'global' && !callee.slip()) callee.emit(`if r${register} == 0 goto ${callee.exit}`);
  callee.give(register, MEM);
}

function returnScalar(callee: Draft): void {
  const known = callee.knownScalar();
  if (known !== undefined) callee.emit(`r0 = r${known}`);
  else if (!callee.slip()) callee.emit(`r0 = ${callee.random.int(0, 3)}`);
  callee.emit('exit');
  callee.landing('out', () => callee.emit('r0 = 0', 'exit'));
}

/** Calls a function with numbers, the context and memory for arguments, and uses what it returns. */
export function subprogram(draft: Draft, body: Body): void {
  const { random } = draft;
  if (!draft.canCall() || draft.shared.functions.length >= MAX_FUNCTIONS) return;
  const kind = random.chance(0.6) ? 'static' : 'global';
  const params: Param[] = [];
  if (draft.ctx !== undefined && random.chance(0.5)) params.push('ctx');
  if (random.chance(0.6)) params.push('scalar');
  const at = draft.stack(16);
  if (at !== undefined && random.chance(0.5)) params.push('mem');
  const index = define(draft, { kind, params, body }, (callee) => {
    if (callee.slip()) deepStack(callee);
    if (callee.slip()) callee.call(`pc+${draft.shared.functions.length - 1}`, SCALAR);
    returnScalar(callee);
  });
  const times = random.chance(0.25) ? 2 : 1;
  for (let i = 0; i < times; i++) {
    if (at !== undefined && params.includes('mem')) fill(draft, at, 16);
    passArguments(draft, params, at ?? 0);
    draft.call(`pc+${draft.slip() ? 1 : index}`, SCALAR);
  }
  if (kind === 'static' && random.chance(0.4)) useResult(draft);
}

/** Uses more of the stack than all frames have together. */
function deepStack(draft: Draft): void {
  draft.emit('*(u64 *)(r10 -512) = 0');
}

function passArguments(draft: Draft, params: readonly Param[], at: number): void {
  const { random } = draft;
  for (const [index, param] of params.entries()) {
    const register = index + 1;
    if (draft.slip()) draft.emit(random.chance(0.5) ? `r${register} = r10` : `r${register} = 5`);
    else if (param === 'ctx') draft.emit(`r${register} = r${draft.ctx}`);
    else if (param === 'mem') draft.emit(`r${register} = r10`, `r${register} += ${at}`);
    else if (random.chance(0.6)) draft.emit(`r${register} = ${random.int(0, 40)}`);
    else {
      unknown(draft, register);
      if (random.chance(0.5)) draft.emit(`r${register} &= 15`);
    }
  }
}

/** The result of a static function, whose range is known, as an index. */
function useResult(draft: Draft): void {
  const at = draft.stack(32);
  if (at === undefined) return;
  draft.pin(0);
  if (draft.random.chance(0.6)) bound(draft, 0, draft.slip() ? 32 : 31);
  else draft.emit('r0 &= 31');
  draft.using((pointer) => {
    draft.emit(`r${pointer} = r10`, `r${pointer} += r0`, `*(u8 *)(r${pointer} ${at}) = 1`);
    return undefined;
  });
  draft.give(0, SCALAR);
}

interface Callback {
  params: readonly Param[];
  body: Body;
  /** Least and greatest value it returns. */
  result: readonly [number, number];
}

/** Makes up a callback. @returns its index. */
export function callback(draft: Draft, { params, body, result }: Callback): number {
  return define(draft, { kind: 'static', params, body }, (callee) => {
    const { random } = callee;
    const [low, high] = result;
    if (random.chance(0.3)) {
      const label = callee.label();
      callee.pin(0);
      callee.using((register) => {
        unknown(callee, register);
        callee.emit(`r0 = ${low}`, `if r${register} != 7 goto ${label}`);
        return undefined;
      });
      callee.emit(`r0 = ${high}`);
      callee.place(label);
    } else callee.emit(`r0 = ${random.chance(0.5) ? low : high}`);
    callee.emit('exit');
    callee.landing('out', () => callee.emit('r0 = 0', 'exit'));
  });
}

/** bpf_for_each_map_elem(map, callback, context, 0): the callback gets map, key, value, context. */
export function forEach(draft: Draft, body: Body): void {
  const { random } = draft;
  const at = draft.stack(8);
  if (!draft.canCall() || at === undefined || draft.shared.functions.length >= MAX_FUNCTIONS) return;
  const map = random.pick(['wide_array', 'hash', 'percpu_array', 'odd_array', 'lru'] as const);
  const { valueSize } = mapNamed(map);
  const index = callback(draft, {
    params: [],
    body: (callee) => {
      const value = callee.take(true);
      callee.emit(`r${value} = r3`);
      callee.emit(`*(u8 *)(r${value} +${valueSize - (callee.slip() ? 0 : 1)}) = 1`);
      if (random.chance(0.5)) callee.emit(`r${callee.random.pick([0, 5])} = *(u64 *)(r4 +0)`);
      callee.give(value, { kind: 'memory', size: valueSize, writable: true, map });
      body(callee);
    },
    result: draft.slip() ? [0, 2] : [0, 1],
  });
  draft.emit(`*(u64 *)(r10 ${at}) = 0`, `r1 = map[${mapIndex(map)}]`, `r2 = subprog[pc+${index}]`);
  draft.emit('r3 = r10', `r3 += ${at}`, `r4 = ${draft.slip() ? 8 : 0}`);
  draft.call('bpf_for_each_map_elem', SCALAR);
}

/** bpf_tail_call(ctx, progs, index) */
export function tailCall(draft: Draft): void {
  const { random, ctx } = draft;
  if (ctx === undefined || !draft.canCall()) return;
  if (random.chance(0.4)) unknown(draft, 3);
  else draft.emit(`r3 = ${random.int(0, 5)}`);
  draft.emit(`r1 = r${ctx}`, `r2 = map[${mapIndex(draft.slip() ? 'hash' : 'progs')}]`);
  draft.call('bpf_tail_call');
  // It returns nothing, though r0 is lost.
  if (draft.slip()) draft.emit('r1 = r0');
}
