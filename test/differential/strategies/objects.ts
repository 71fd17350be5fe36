/** What is acquired and has to be given back: ring buffer records, sockets, locks, tasks; and timers. */
import { type Draft, memory, SCALAR } from '../draft.ts';
import { mapIndex } from '../maps.ts';
import { callback } from './calls.ts';
import { kfunc } from './loops.ts';
import { access, lookup, touch } from './memory.ts';
import { bounded, unknown } from './scalars.ts';

export type Body = (draft: Draft) => void;

/** Reserve, write, submit or discard. */
export function ringbuf(draft: Draft, body: Body): void {
  const { random } = draft;
  if (!draft.canCall() || draft.savedLeft() < 1) return;
  const size = random.pick([1, 8, 16, 24, 40]);
  draft.emit(
    `r1 = map[${mapIndex(draft.slip() ? 'hash' : 'ring')}]`,
    `r2 = ${size}`,
    `r3 = ${draft.slip() ? 1 : 0}`,
  );
  draft.call('bpf_ringbuf_reserve');
  const record = draft.take(true);
  const early = random.chance(0.5);
  if (early) draft.emit(`if r0 == 0 goto ${draft.exit}`);
  draft.emit(`r${record} = r0`);
  if (!early && !draft.slip()) draft.emit(`if r${record} == 0 goto ${draft.exit}`);
  const cleanUp = draft.label();
  const end = draft.label();
  const leak = draft.slip();
  draft.withExit(leak ? draft.exit : cleanUp, () => {
    for (let i = random.int(1, 2); i > 0; i--) {
      access(draft, record, { size, writable: true, readable: true, variable: true });
    }
    if (random.chance(0.4)) draft.maybe(() => body(draft));
  });
  draft.forgetAll();
  release(draft, record);
  if (draft.slip()) release(draft, record);
  if (draft.slip()) draft.emit(`*(u8 *)(r${record} +0) = 1`);
  draft.aside(cleanUp, end, () => {
    release(draft, record);
    draft.emit(`goto ${draft.exit}`);
  });
  draft.give(record);
  draft.forgetAll();
}

function release(draft: Draft, record: number): void {
  if (draft.slip()) return;
  draft.emit(`r1 = r${record}`);
  if (draft.slip()) draft.emit('r1 += 4');
  draft.emit('r2 = 0');
  draft.call(draft.random.pick(['bpf_ringbuf_submit', 'bpf_ringbuf_discard']));
}

/** bpf_ringbuf_output(ring, memory, size, flags) */
export function ringbufOutput(draft: Draft): void {
  const at = draft.stack(32);
  if (!draft.canCall() || at === undefined) return;
  for (let done = 0; done < 32; done += 8) draft.emit(`*(u64 *)(r10 ${at + done}) = ${done}`);
  sizedBuffer(draft, { at, size: 32, pointer: 2, length: 3, zero: true });
  draft.emit(`r1 = map[${mapIndex('ring')}]`, 'r4 = 0');
  draft.call('bpf_ringbuf_output', SCALAR);
}

export interface Buffer {
  at: number;
  size: number;
  /** Argument registers. */
  pointer: number;
  length: number;
  /** Whether the helper takes a length of 0. */
  zero: boolean;
}

/** A buffer on the stack and its length, constant or computed, as two arguments. */
export function sizedBuffer(draft: Draft, { at, size, pointer, length, zero }: Buffer): void {
  const { random } = draft;
  if (random.chance(0.5)) {
    draft.emit(`r${length} = ${draft.slip() ? random.pick([size + 1, 0, -1]) : random.int(1, size)}`);
  } else {
    draft.pin(length);
    bounded(draft, length, size);
    if (!zero && !draft.slip()) draft.emit(`if r${length} == 0 goto ${draft.exit}`);
    draft.give(length);
  }
  draft.emit(`r${pointer} = r10`, `r${pointer} += ${draft.slip() ? at + 8 : at}`);
}

/** A socket looked up, asked and released. */
export function socket(draft: Draft): void {
  const { random, ctx } = draft;
  const at = draft.stack(16);
  const { family } = draft.shared.context;
  if (ctx === undefined || at === undefined || !draft.canCall() || draft.savedLeft() < 1) return;
  if (family !== 'skb' && family !== 'xdp' && family !== 'sock') return;
  draft.emit(`*(u64 *)(r10 ${at}) = 0`, `*(u64 *)(r10 ${at + 8}) = 0`);
  draft.emit(
    `r1 = r${ctx}`,
    'r2 = r10',
    `r2 += ${at}`,
    `r3 = ${draft.slip() ? 17 : 12}`,
    'r4 = -1',
    'r5 = 0',
  );
  draft.call(random.pick(['bpf_sk_lookup_tcp', 'bpf_sk_lookup_udp', 'bpf_skc_lookup_tcp']));
  const sock = draft.take(true);
  draft.emit(`r${sock} = r0`);
  if (!draft.slip()) draft.emit(`if r${sock} == 0 goto ${draft.exit}`);
  for (let i = random.int(0, 2); i > 0; i--) field(draft, sock);
  if (!draft.slip()) {
    draft.emit(`r1 = r${sock}`);
    draft.call('bpf_sk_release', SCALAR);
  }
  if (draft.slip()) field(draft, sock);
  draft.give(sock);
}

/** Fields of struct bpf_sock, and around them. */
function field(draft: Draft, sock: number): void {
  const offset = draft.slip() ? draft.random.pick([0, 80, 77, 44]) : draft.random.pick([4, 8, 12, 16, 20]);
  draft.using((register) => {
    draft.emit(`r${register} = *(u32 *)(r${sock} +${offset})`);
    return SCALAR;
  });
}

/** Lock, change, unlock. */
export function spinLock(draft: Draft): void {
  const { random } = draft;
  lookup(draft, 'locked', (value, region) => {
    const lockPointer = () => {
      draft.emit(`r1 = r${value}`);
      if (draft.slip()) draft.emit('r1 += 8');
    };
    lockPointer();
    if (!draft.slip()) draft.call('bpf_spin_lock');
    draft.quiet = true;
    for (let i = random.int(1, 2); i > 0; i--) {
      const width = random.pick([4, 8] as const);
      const at = draft.slip() ? random.pick([0, 2, 40]) : 8 + random.int(0, 32 / width - 1) * width;
      touch(draft, value, at, width, region);
    }
    draft.quiet = false;
    if (draft.slip()) draft.call('bpf_get_prandom_u32', SCALAR);
    lockPointer();
    if (draft.slip()) draft.call('bpf_spin_lock');
    else if (!draft.slip()) draft.call('bpf_spin_unlock');
  });
}

/** A timer is set up, given a callback and started. */
export function timer(draft: Draft): void {
  const { random } = draft;
  lookup(draft, 'timers', (value) => {
    draft.emit(`r1 = r${value}`, `r2 = map[${mapIndex(draft.slip() ? 'wide_array' : 'timers')}]`, 'r3 = 1');
    draft.call('bpf_timer_init', SCALAR);
    const index = callback(draft, {
      params: [],
      body: (callee) => {
        callee.emit(
          `r${callee.random.pick([1, 4])} = *(u32 *)(r2 +0)`,
          `*(u8 *)(r3 +${callee.slip() ? 15 : 16}) = 1`,
        );
      },
      result: draft.slip() ? [0, 1] : [0, 0],
    });
    draft.emit(`r1 = r${value}`, `r2 = subprog[pc+${index}]`);
    if (draft.slip()) draft.emit('r1 += 8');
    draft.call('bpf_timer_set_callback', SCALAR);
    draft.emit(`r1 = r${value}`, 'r2 = 100', 'r3 = 0');
    draft.call(random.pick(['bpf_timer_start', 'bpf_timer_cancel']), SCALAR);
  });
}

/** Sections in which a task may not be scheduled, or RCU holds. */
export function sections(draft: Draft, body: Body): void {
  const { random } = draft;
  if (!draft.canCall()) return;
  const [enter, leave] = random.pick([
    ['bpf_rcu_read_lock', 'bpf_rcu_read_unlock'],
    ['bpf_preempt_disable', 'bpf_preempt_enable'],
  ] as const);
  const cleanUp = draft.label();
  const end = draft.label();
  if (!draft.slip()) draft.call(kfunc(enter));
  draft.withExit(cleanUp, () => draft.maybe(() => body(draft)));
  draft.forgetAll();
  if (!draft.slip()) draft.call(kfunc(leave));
  draft.aside(cleanUp, end, () => {
    if (!draft.slip()) draft.call(kfunc(leave));
    draft.emit(`goto ${draft.exit}`);
  });
  draft.forgetAll();
}

/** Memory behind a dynptr on the stack. */
export function dynptr(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(16);
  const buffer = draft.stack(16);
  if (at === undefined || buffer === undefined || draft.savedLeft() < 1) return;
  lookup(draft, 'wide_array', (value) => {
    const pointer = (register: number, offset: number) =>
      draft.emit(`r${register} = r10`, `r${register} += ${offset}`);
    const given = at + (draft.slip() ? random.pick([4, 8]) : 0);
    draft.emit(`r1 = r${value}`, `r2 = ${draft.slip() ? 49 : random.int(1, 48)}`, 'r3 = 0');
    pointer(4, given);
    if (!draft.slip()) draft.call('bpf_dynptr_from_mem', SCALAR);
    if (draft.slip()) draft.emit(`*(u64 *)(r10 ${at + 8}) = 0`);
    if (random.chance(0.5)) {
      pointer(1, at);
      draft.emit(`r2 = ${random.int(0, 8)}`, `r3 = ${draft.slip() ? 0 : 8}`);
      draft.call('bpf_dynptr_data');
      if (!draft.slip()) draft.emit(`if r0 == 0 goto ${draft.exit}`);
      draft.emit(`r${draft.random.pick([1, 2])} = ${memory(8, 0, draft.slip() ? 1 : 0)}`);
    } else {
      pointer(1, buffer);
      draft.emit(`r2 = ${draft.slip() ? 17 : 16}`);
      pointer(3, at);
      draft.emit('r4 = 0', 'r5 = 0');
      draft.call('bpf_dynptr_read', SCALAR);
    }
  });
}

/** A task of the kernel, from its pid. */
export function task(draft: Draft): void {
  if (!draft.canCall() || draft.savedLeft() < 1) return;
  draft.emit(`r1 = ${draft.random.int(0, 100)}`);
  draft.call(kfunc('bpf_task_from_pid'));
  const register = draft.take(true);
  draft.emit(`r${register} = r0`);
  if (!draft.slip()) draft.emit(`if r${register} == 0 goto ${draft.exit}`);
  draft.using((field) => {
    if (draft.random.chance(0.5)) unknown(draft, field);
    draft.emit(`r${field} = *(u64 *)(r${register} +${draft.random.int(0, 300) * 8})`);
    return SCALAR;
  });
  if (draft.slip()) draft.emit(`*(u64 *)(r${register} +0) = 1`);
  draft.emit(`r1 = r${register}`);
  if (!draft.slip()) draft.call(kfunc('bpf_task_release'));
  draft.give(register);
}
