/** The maps that every generated object has. Text names them by their index here: `r1 = map[3]`. */

export interface GeneratedMap {
  readonly name: string;
  /** BPF_MAP_TYPE_* */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* */
  readonly flags: number;
  /** What stands at the start of a value; it takes BTF to say so. */
  readonly special?: 'lock' | 'timer';
  /** Whether a task without capabilities can create it. */
  readonly unprivileged: boolean;
}

const HASH = 1;
const ARRAY = 2;
const PROG_ARRAY = 3;
const PERF_EVENT_ARRAY = 4;
const PERCPU_HASH = 5;
const PERCPU_ARRAY = 6;
const LRU_HASH = 9;
const QUEUE = 22;
const RINGBUF = 27;
const RDONLY_PROG = 0x80;
const WRONLY_PROG = 0x100;
const OPEN = { flags: 0, unprivileged: true } as const;

export const MAPS = [
  { name: 'wide_array', type: ARRAY, keySize: 4, valueSize: 48, maxEntries: 4, ...OPEN },
  { name: 'odd_array', type: ARRAY, keySize: 4, valueSize: 11, maxEntries: 1, ...OPEN },
  { name: 'big_array', type: ARRAY, keySize: 4, valueSize: 4096, maxEntries: 2, ...OPEN },
  { name: 'hash', type: HASH, keySize: 8, valueSize: 64, maxEntries: 16, ...OPEN },
  { name: 'percpu_array', type: PERCPU_ARRAY, keySize: 4, valueSize: 32, maxEntries: 2, ...OPEN },
  { name: 'percpu_hash', type: PERCPU_HASH, keySize: 4, valueSize: 24, maxEntries: 8, ...OPEN },
  {
    name: 'rdonly',
    type: ARRAY,
    keySize: 4,
    valueSize: 16,
    maxEntries: 1,
    flags: RDONLY_PROG,
    unprivileged: true,
  },
  {
    name: 'wronly',
    type: ARRAY,
    keySize: 4,
    valueSize: 16,
    maxEntries: 1,
    flags: WRONLY_PROG,
    unprivileged: true,
  },
  { name: 'progs', type: PROG_ARRAY, keySize: 4, valueSize: 4, maxEntries: 4, ...OPEN },
  { name: 'ring', type: RINGBUF, keySize: 0, valueSize: 0, maxEntries: 4096, ...OPEN },
  {
    name: 'locked',
    type: HASH,
    keySize: 4,
    valueSize: 40,
    maxEntries: 4,
    flags: 0,
    special: 'lock',
    unprivileged: false,
  },
  { name: 'queue', type: QUEUE, keySize: 0, valueSize: 16, maxEntries: 4, flags: 0, unprivileged: false },
  { name: 'lru', type: LRU_HASH, keySize: 16, valueSize: 8, maxEntries: 4, flags: 0, unprivileged: false },
  {
    name: 'timers',
    type: ARRAY,
    keySize: 4,
    valueSize: 32,
    maxEntries: 1,
    flags: 0,
    special: 'timer',
    unprivileged: false,
  },
  {
    name: 'events',
    type: PERF_EVENT_ARRAY,
    keySize: 4,
    valueSize: 4,
    maxEntries: 2,
    flags: 0,
    unprivileged: false,
  },
] as const satisfies readonly GeneratedMap[];

export type MapName = (typeof MAPS)[number]['name'];

export function mapIndex(name: MapName): number {
  return MAPS.findIndex((map) => map.name === name);
}

export function mapNamed(name: MapName): GeneratedMap {
  const map: GeneratedMap | undefined = MAPS[mapIndex(name)];
  if (!map) throw new RangeError(`there is no map ${name}`);
  return map;
}

/** Sections of global variables; text names them as `r1 = map[0][0]+OFFSET` by their index here. */
export const DATA_SECTIONS = [
  { name: '.data', writable: true, data: Uint8Array.from({ length: 40 }, (_, i) => i * 7) },
  {
    name: '.rodata',
    writable: false,
    data: Uint8Array.from({ length: 36 }, (_, i) => (i % 5 === 0 ? 255 - i : i)),
  },
] as const;

/** Functions of the kernel; text calls them as `call NAME#INDEX`. Types as C would declare them. */
export const KFUNCS = [
  { name: 'bpf_iter_num_new', result: 'int', params: ['iter', 'int', 'int'] },
  { name: 'bpf_iter_num_next', result: 'int *', params: ['iter'] },
  { name: 'bpf_iter_num_destroy', result: 'void', params: ['iter'] },
  { name: 'bpf_rcu_read_lock', result: 'void', params: [] },
  { name: 'bpf_rcu_read_unlock', result: 'void', params: [] },
  { name: 'bpf_preempt_disable', result: 'void', params: [] },
  { name: 'bpf_preempt_enable', result: 'void', params: [] },
  { name: 'bpf_task_acquire', result: 'task *', params: ['task *'] },
  { name: 'bpf_task_release', result: 'void', params: ['task *'] },
  { name: 'bpf_task_from_pid', result: 'task *', params: ['int'] },
] as const;

export type KfuncName = (typeof KFUNCS)[number]['name'];
