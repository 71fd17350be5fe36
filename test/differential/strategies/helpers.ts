/** Helpers with buffers, strings and flags. */
import { type Draft, memory, SCALAR } from '../draft.ts';
import { mapIndex } from '../maps.ts';
import { fill } from './memory.ts';
import { sizedBuffer } from './objects.ts';
import { unknown } from './scalars.ts';

interface Call {
  name: string;
  /** Families of programs that have it. */
  families: readonly string[];
  /** Sets up the arguments; `at` is where the 32 bytes of its buffer are on the stack. */
  run: (draft: Draft, at: number) => void;
}

const SIZE = 32;

function contextAs(draft: Draft, register: number): void {
  draft.emit(`r${register} = r${draft.ctx ?? 10}`);
}

function buffer(draft: Draft, at: number, pointer: number, length: number, zero = true): void {
  sizedBuffer(draft, { at, size: SIZE, pointer, length, zero });
}

const ANY = ['skb', 'xdp', 'tracing', 'sock', 'other'];

const CALLS: readonly Call[] = [
  { name: 'bpf_get_smp_processor_id', families: ANY, run: () => undefined },
  { name: 'bpf_get_current_pid_tgid', families: ['tracing', 'other'], run: () => undefined },
  {
    name: 'bpf_get_current_comm',
    families: ['tracing', 'other'],
    run: (draft, at) => buffer(draft, at, 1, 2, false),
  },
  {
    name: 'bpf_probe_read_kernel',
    families: ['tracing', 'other'],
    run: (draft, at) => {
      buffer(draft, at, 1, 2);
      draft.pin(1);
      draft.pin(2);
      draft.pin(3);
      unknown(draft, 3);
      for (const register of [1, 2, 3]) draft.give(register);
    },
  },
  {
    name: 'bpf_trace_printk',
    families: ANY,
    run: (draft, at) => {
      fill(draft, at, SIZE);
      draft.emit(`r3 = ${draft.random.int(0, 5)}`, 'r4 = r3', 'r5 = 0');
      for (const register of [3, 4, 5]) draft.pin(register);
      buffer(draft, at, 1, 2, false);
      for (const register of [3, 4, 5]) draft.give(register);
    },
  },
  {
    name: 'bpf_skb_load_bytes',
    families: ['skb'],
    run: (draft, at) => {
      buffer(draft, at, 3, 4, false);
      contextAs(draft, 1);
      draft.emit(`r2 = ${draft.random.int(0, 60)}`);
    },
  },
  {
    name: 'bpf_xdp_load_bytes',
    families: ['xdp'],
    run: (draft, at) => {
      buffer(draft, at, 3, 4, false);
      contextAs(draft, 1);
      draft.emit(`r2 = ${draft.random.int(0, 60)}`);
    },
  },
  {
    name: 'bpf_skb_store_bytes',
    families: ['skb'],
    run: (draft, at) => {
      fill(draft, at, SIZE);
      buffer(draft, at, 3, 4, false);
      contextAs(draft, 1);
      draft.emit(`r2 = ${draft.random.int(0, 60)}`, 'r5 = 0');
    },
  },
  {
    name: 'bpf_csum_diff',
    families: ['skb', 'xdp'],
    run: (draft, at) => {
      fill(draft, at, SIZE);
      draft.emit('r5 = 0');
      draft.pin(5);
      buffer(draft, at, 1, 2);
      draft.give(5);
      const zero = draft.slip() ? 1 : 0;
      draft.emit(
        `r3 = ${zero}`,
        `r4 = ${zero === 0 && draft.random.chance(0.5) ? 0 : draft.random.int(0, 1) * 4}`,
      );
    },
  },
  {
    name: 'bpf_perf_event_output',
    families: ['tracing', 'skb', 'xdp'],
    run: (draft, at) => {
      fill(draft, at, SIZE);
      buffer(draft, at, 4, 5);
      contextAs(draft, 1);
      draft.emit(`r2 = map[${mapIndex(draft.slip() ? 'ring' : 'events')}]`, 'r3 = 0');
    },
  },
  {
    name: 'bpf_strtol',
    families: ['other'],
    run: (draft, at) => {
      fill(draft, at, SIZE);
      buffer(draft, at, 1, 2);
      const result = draft.stack(8);
      if (result === undefined) return;
      if (draft.random.chance(0.5)) draft.emit(`*(u64 *)(r10 ${result}) = 0`);
      draft.emit('r3 = 0', 'r4 = r10', `r4 += ${draft.slip() ? result + 4 : result}`);
    },
  },
  {
    name: 'bpf_strncmp',
    families: ANY,
    run: (draft, at) => {
      fill(draft, at, SIZE);
      buffer(draft, at, 1, 2);
      draft.emit(`r3 = map[${draft.slip() ? 0 : 1}][0]+${draft.random.int(0, 8) * 4}`);
    },
  },
  {
    name: 'bpf_get_stack',
    families: ['tracing'],
    run: (draft, at) => {
      buffer(draft, at, 2, 3);
      contextAs(draft, 1);
      draft.emit('r4 = 0');
    },
  },
  {
    name: 'bpf_get_socket_cookie',
    families: ['skb'],
    run: (draft) => contextAs(draft, 1),
  },
  {
    name: 'bpf_redirect',
    families: ['xdp'],
    run: (draft) => draft.emit(`r1 = ${draft.random.int(0, 4)}`, 'r2 = 0'),
  },
];

/** One call of a helper, what it wrote and returned being used. */
export function helperCall(draft: Draft): void {
  const { random } = draft;
  const at = draft.stack(SIZE);
  if (!draft.canCall() || at === undefined) return;
  const { family } = draft.shared.context;
  const wrong = draft.slip();
  const candidates = CALLS.filter(
    ({ families }) => families.includes(family) !== wrong || (wrong && families === ANY),
  );
  if (candidates.length === 0) return;
  const { name, run } = random.pick(candidates);
  run(draft, at);
  draft.call(name, SCALAR);
  if (random.chance(0.5)) return;
  if (random.chance(0.3)) {
    // Errors are negative; what is left is the length or 0.
    draft.emit(`if r0 s< 0 goto ${draft.exit}`);
  }
  draft.using((register) => {
    draft.emit(`r${register} = ${memory(random.pick([1, 2, 4, 8]), 10, at + random.int(0, 3) * 8)}`);
    return SCALAR;
  });
}
