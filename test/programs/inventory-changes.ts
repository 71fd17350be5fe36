/** Every piece of an io_uring instance's state that shows, changed in a scene: what the scene is before and after. */
import { expect } from 'vitest';
import { Open } from '../../kernel-model/file.ts';
import { OwnerType } from '../../kernel-model/file-owner.ts';
import { Fcntl } from '../../kernel-model/file-syscalls.ts';
import { ioUringEnter } from '../../kernel-model/io-uring/enter.ts';
import { Enter } from '../../kernel-model/io-uring/uapi.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import type { World } from '../../kernel-model/scene/index.ts';
import type { Session } from '../../session/session.ts';
import { KERNELS, sessionOf } from './support.ts';

export interface Change {
  item: number;
  program: string;
  /** Members of the ring in YAML, before and after. */
  before?: string;
  after: string;
  /** Events after the ring is there: in both scenes, or in the changed one alone. */
  events?: string;
  eventsAfter?: string;
  /** Kernels that have the state; all when absent. */
  since?: '6.1' | '6.12';
  /** What the changed dump has in place of the other. */
  shows?: RegExp;
  /** Lines of the task, before and after, where it is not the ring that changes. */
  task?: [string, string];
  /** What stands in the changed scene in the place of something else. */
  instead?: [string, string];
  /** What is done to the changed world once it is built. */
  act?: (session: Session) => void;
}

/** All of the checkpoint's programs, and what is put together from their records. */
export const CHECKPOINT = 'checkpoint';
const FILES = 'register: [{ files: [0, none, 5] }]';
const BUFFERS = 'register: [{ buffers: [{ address: heap, length: 4K }] }]';
const RING_GROUP =
  'register: [{ buffer_ring: { group: 9, entries: 8, address: heap, buffers: [{ address: heap + 8K, length: 64 }] } }]';
const flags = (item: number, names: string, shows: RegExp, since?: '6.1' | '6.12'): Change => ({
  item,
  program: 'ring_state',
  after: `flags: [${names}]`,
  shows,
  ...(since ? { since } : {}),
});
const submits = (item: number, shows: RegExp, entries: string): Change => ({
  item,
  program: 'ring_state',
  after: `submit: [${entries}]`,
  shows,
});

export const CHANGES: Change[] = [
  flags(1, 'CLAMP', /^flags 0x10$/m),
  { item: 2, program: 'ring_state', after: 'entries: 16', before: 'entries: 8', shows: /^sq_entries 16$/m },
  flags(3, 'CLAMP', /^flags 0x10$/m),
  flags(4, 'IOPOLL', /^flags 0x1$/m),
  {
    item: 5,
    program: 'ring_state',
    before: 'flags: [SQPOLL]\n        sq_thread_idle: 100',
    after: 'flags: [SQPOLL]\n        sq_thread_idle: 2000',
  },
  {
    item: 6,
    program: 'ring_state',
    before: 'flags: [SQPOLL, SQ_AFF]\n        sq_thread_cpu: 0',
    after: 'flags: [SQPOLL, SQ_AFF]\n        sq_thread_cpu: 1',
    shows: / cpu 1 /,
  },
  flags(8, 'SQPOLL', /^sq_thread \d+/m),
  flags(9, 'SQPOLL', /^sq_creds 1000$/m),
  flags(14, 'CQE32', /^flags 0x800$/m, '6.1'),
  flags(15, 'NO_SQARRAY', /^flags 0x10000$/m, '6.12'),
  flags(16, 'SUBMIT_ALL, COOP_TASKRUN', /^flags 0x180$/m, '6.1'),
  flags(17, 'SINGLE_ISSUER', /^submitter 100$/m, '6.1'),
  flags(18, 'SINGLE_ISSUER, DEFER_TASKRUN', /^flags 0x3000$/m, '6.1'),
  { item: 19, program: 'ring_state', after: 'compat: true', shows: /^compat 1$/m },
  {
    item: 24,
    program: 'ring_fds',
    since: '6.1',
    before: 'register: [{ ring_fds: [{ fd: 3, index: 2 }] }]',
    after: 'register: [{ ring_fds: [{ fd: 3, index: 5 }] }]',
    shows: /^100 ring 5 file 0x/m,
  },
  submits(25, /^sq\.head 1 cached 1$/m, '{ nop: true }'),
  {
    item: 26,
    program: 'ring_state',
    after: 'prepare: [{ nop: true, data: 77 }]',
    shows: /^sq\.tail 1\nsqe 0 opcode 0 data 0x4d$/m,
  },
  submits(27, /^cq\.tail 1 cached 1$/m, '{ nop: true }'),
  submits(28, /^cq\.head 0\ncqe data 0x4d res 0 flags 0x0$/m, '{ nop: true, data: 77 }'),
  submits(30, /^sq_dropped 1$/m, '{ bad_index: true }'),
  {
    item: 34,
    program: 'ring_state',
    before: 'entries: 1',
    after:
      'entries: 1\n        submit: [{ nop: true, data: 1 }, { nop: true, data: 2 }, { nop: true, data: 3 }]',
    shows: /^overflow data 0x3 res 0 flags 0x0$/m,
  },
  {
    item: 32,
    program: 'ring_state',
    before: 'entries: 1',
    after: 'entries: 1\n        submit: [{ nop: true }, { nop: true }, { nop: true }]',
    shows: /^sq_flags 2$/m,
  },
  submits(36, /^cq_extra (-1|4294967295)$/m, '{ bad_index: true }'),
  { item: 42, program: 'io_uring_buf', after: BUFFERS, shows: /^0:0x7f0000000000:4096$/m },
  {
    item: 43,
    program: 'io_uring_buf',
    before: BUFFERS,
    after: 'register: [{ buffers: [{ address: heap, length: 4K }, none] }]',
    shows: /^E:2$/m,
  },
  {
    item: 44,
    program: 'bvec',
    before: BUFFERS,
    after: 'register: [{ buffers: [{ address: heap + 4K, length: 4K }] }]',
  },
  {
    item: 45,
    program: 'bvec',
    before: 'register: [{ buffers: [{ address: heap, length: 8K }] }]',
    after: 'register: [{ buffers: [{ address: big, length: 8K }] }]',
  },
  { item: 46, program: 'ring_state', after: BUFFERS, shows: /^pinned_vm 1$/m },
  {
    item: 48,
    program: 'ring_state',
    before: BUFFERS,
    after: 'register: [{ buffers: [{ address: heap, length: 4K, tag: 9 }] }]',
    shows: /^buffer 0 tag 0x9$/m,
  },
  { item: 51, program: 'io_uring_file', after: FILES, shows: /^0:\/dev\/null$/m },
  { item: 53, program: 'io_uring_file', after: FILES, shows: /^1:<none>$/m },
  {
    item: 54,
    program: 'ring_state',
    before: FILES,
    after: 'register: [{ files: [0, none, { fd: 5, tag: 7 }] }]',
    shows: /^file 2 tag 0x7$/m,
  },
  {
    item: 55,
    program: 'ring_state',
    before: 'register: [{ sparse_files: 8 }]',
    after: 'register: [{ sparse_files: 8 }, { alloc_range: { offset: 2, length: 4 } }]',
    since: '6.1',
    shows: /^file_alloc 2-6 hint 2$/m,
  },
  { item: 58, program: 'ring_state', after: 'register: [{ eventfd: 5 }]', shows: /^eventfd 0x\w+ async 0$/m },
  {
    item: 58,
    program: 'ring_state',
    before: 'register: [{ eventfd: 5 }]',
    after: 'register: [{ eventfd: 5, async: true }]',
    shows: /^eventfd 0x\w+ async 1$/m,
  },
  { item: 60, program: 'ring_state', after: 'register: [{ personality: true }]', shows: /^pers_next 2$/m },
  {
    item: 61,
    program: 'ring_state',
    before: 'flags: [R_DISABLED]',
    after:
      'flags: [R_DISABLED]\n        register: [{ restrictions: { register: [FILES], submit: [READ_FIXED] } }]',
    shows: /^restrictions register 0x4 sqe 0x10 .* registered 1$/m,
  },
  {
    item: 62,
    program: 'ring_state',
    before: 'flags: [R_DISABLED]\n        register: [{ restrictions: { submit: [READ_FIXED] } }]',
    after:
      'flags: [R_DISABLED]\n        register: [{ restrictions: { submit: [READ_FIXED] } }, { enable: true }]',
    shows: /^restricted 1$/m,
  },
  flags(63, 'R_DISABLED', /^flags 0x40$/m),
  {
    item: 65,
    program: 'ring_state',
    after: 'register: [{ worker_limits: [3, 4] }]',
    shows: /^iowq_limits 3 4$/m,
  },
  {
    item: 69,
    program: 'ring_state',
    after: 'register: [{ napi: { microseconds: 50 } }]',
    since: '6.12',
    shows: /^napi 1 timeout 50/m,
  },
  {
    item: 70,
    program: 'ring_state',
    after: 'register: [{ clock: BOOTTIME }]',
    since: '6.12',
    shows: /^clockid 7$/m,
  },
  submits(
    38,
    /^drain_active 1$/m,
    '{ nop: true, flags: [IO_DRAIN] }, { timeout: { milliseconds: 9 }, flags: [IO_DRAIN] }',
  ),
  submits(
    75,
    /^timeout data 0x5 after 7\.250000000 count 0$/m,
    '{ timeout: { milliseconds: 7250 }, data: 5 }',
  ),
  submits(
    77,
    /^deferred opcode 0 data 0x9 seq 1$/m,
    '{ timeout: { milliseconds: 7250 } }, { nop: true, flags: [IO_DRAIN], data: 9 }',
  ),
  {
    item: 37,
    program: 'ring_state',
    before: 'submit: [{ timeout: { milliseconds: 5 } }]',
    after: 'submit: [{ timeout: { milliseconds: 4 } }]',
    events: 'events: [{ task: 100, wait: 4 }]',
    shows: /^cq_timeouts 1$/m,
  },
  {
    item: 28,
    program: 'ring_state',
    before: 'submit: [{ nop: true, data: 1 }]',
    after: 'submit: [{ nop: true, data: 2 }]',
    shows: /^cqe data 0x2 /m,
  },
  {
    item: 59,
    program: 'ring_state',
    before: 'submit: [{ nop: true }]',
    after: 'submit: [{ nop: true }]',
    since: '6.1',
    eventsAfter: 'events: [{ task: 100, register: { fd: 3, calls: [{ eventfd: 5 }] } }]',
    shows: /^evfd_last_cq_tail 1$/m,
  },
  {
    item: 7,
    program: 'ring_state',
    after: 'flags: [SQPOLL]\n      - fd: 8\n        flags: [SQPOLL, ATTACH_WQ]\n        wq_fd: 3',
    shows: /^sq_thread \d+ cpu -?\d+ shared (0x\w+)$[\s\S]*^sq_thread \d+ cpu -?\d+ shared \1$/m,
  },
  {
    item: 52,
    program: 'io_uring_file',
    before: FILES,
    after: FILES,
    eventsAfter: 'events: [{ task: 100, register: { fd: 3, calls: [{ update_files: [5], offset: 1 }] } }]',
  },
  {
    item: 23,
    program: 'task_file',
    after: '',
    task: ['', '      - { fd: 9, dup: 5 }'],
  },
  { item: 85, program: 'epoll', after: '', task: ['', '      - { fd: 9, epoll: [{ fd: 5 }] }'] },
  { item: 10, program: CHECKPOINT, after: 'flags: [CQE32]', since: '6.1', shows: /"sq\.array":(640|1152)/ },
  {
    item: 11,
    program: 'task_vma',
    after: 'entries: 8',
    eventsAfter: 'events: [{ task: 100, map: { length: 4K, kind: file, fd: 3, prot: rw } }]',
    shows: /io_uring/,
  },
  {
    item: 12,
    program: 'task_vma',
    before: 'entries: 8',
    events: 'events: [{ task: 100, map: { length: 4K, kind: file, fd: 3, prot: rw } }]',
    after: 'entries: 8',
    eventsAfter:
      'events: [{ task: 100, map: { length: 8K } }, { task: 100, map: { length: 4K, kind: file, fd: 3, prot: rw } }]',
  },
  {
    item: 13,
    program: CHECKPOINT,
    since: '6.12',
    after: 'flags: [NO_MMAP]\n        memory: { rings: heap, entries: heap + 4K }',
    shows: /"userAreas":\{"rings":139637976727552,"sqes":139637976731648\}/,
  },
  { item: 22, program: CHECKPOINT, after: '', act: ({ machine, world }) => setNonBlocking(machine, world) },
  {
    item: 22,
    program: CHECKPOINT,
    after: '',
    act: ({ machine, world }) => setOwner(machine, world),
    shows: /"owner":\{"target":\{"type":1,"pid":100\},"signal":10,"uid":1000,"euid":1000\}/,
  },
  ...(['cq_overflow', 'cq_flags'] as const).map((word) => ({
    item: word === 'cq_overflow' ? 31 : 33,
    program: 'ring_state',
    after: '',
    eventsAfter: `events: [{ task: 100, ring_words: { fd: 3, set: { ${word}: 1 } } }]`,
    shows: new RegExp(`^${word} 1$`, 'm'),
  })),
  {
    item: 35,
    program: 'ring_state',
    before: 'entries: 1',
    after: 'entries: 1\n        submit: [{ nop: true }, { nop: true }, { nop: true }]',
    shows: /^check_cq(_overflow)? 1$/m,
  },
  {
    item: 39,
    program: 'ring_state',
    since: '6.1',
    after: 'submit: [{ cancel: { data: 5, all: true } }]',
    shows: /^cancel_seq 1$/m,
  },
  {
    item: 47,
    program: 'ring_state',
    after: '',
    instead: ['    uid: 1000', '    uid: 1000\n    capabilities: [CAP_IPC_LOCK]'],
  },
  {
    item: 49,
    program: CHECKPOINT,
    since: '6.12',
    before: `${BUFFERS}\n      - fd: 8\n        ${BUFFERS}`,
    after: `${BUFFERS}\n      - fd: 8\n        register: [{ clone_buffers: 3 }]`,
    shows: /"cloneOf":\{"ring":0,"index":0\}/,
  },
  {
    item: 60,
    program: CHECKPOINT,
    before: 'register: [{ personality: true }]',
    after: 'register: [{ personality: true }, { personality: true }, { unregister_personality: 1 }]',
    shows: /"ids":\[\{"id":2,"cred":0\}\]/,
  },
  {
    item: 64,
    program: CHECKPOINT,
    since: '6.1',
    after: 'register: [{ worker_cpus: [1] }]',
    shows: /"cpus":"2"/,
  },
  {
    item: 66,
    program: CHECKPOINT,
    after: 'submit: [{ provide_buffers: { group: 7, address: heap, length: 256, count: 2, id: 5 } }]',
    shows:
      /"kind":"list","id":7,"buffers":\[\{"address":"139637976727552","length":256,"id":5\},\{[^}]*"id":6\}\]/,
  },
  {
    item: 67,
    program: CHECKPOINT,
    since: '6.1',
    after: 'register: [{ buffer_ring: { group: 300, entries: 8, address: heap } }]',
    shows:
      /"kind":"ring","id":300,"entries":8,"head":0,"incremental":false,"minLeft":0,"address":139637976727552/,
  },
  {
    item: 68,
    program: CHECKPOINT,
    since: '6.1',
    before: RING_GROUP,
    events: 'events: [{ task: 100, store: { fd: 5, count: 1 } }]',
    after: RING_GROUP,
    eventsAfter:
      'events: [{ task: 100, store: { fd: 5, count: 1 } }, { task: 100, submit: { fd: 3, entries: [{ read: { fd: 5, length: 8 }, flags: [BUFFER_SELECT], group: 9 }] } }]',
    shows: /"id":9,"entries":8,"head":1/,
  },
  {
    item: 74,
    program: CHECKPOINT,
    after: 'submit: [{ poll: { fd: 5, events: [IN], multishot: true }, data: 33 }]',
    shows: /"opcode":6,"flags":0,"userData":"33","file":2,"poll":\{"events":1,"multishot":true\}/,
  },
  {
    item: 76,
    program: CHECKPOINT,
    after:
      'submit: [{ read: { fd: 5, address: heap, length: 8 }, flags: [IO_LINK] }, { link_timeout: { milliseconds: 500 }, data: 44 }]',
    shows: /"chain":\[\{[^\]]*"opcode":15,"flags":0,"userData":"44"/,
  },
  {
    item: 79,
    program: CHECKPOINT,
    after: 'submit: [{ read: { fd: 5, address: heap, length: 8 }, data: 55 }]',
    shows: /"userData":"55","file":2,"transfer":\{"address":"139637976727552","length":8/,
  },
  {
    item: 83,
    program: CHECKPOINT,
    after: '',
    act: ({ machine, world }) => {
      const [ring] = world.rings();
      if (ring) ioUringEnter(machine, ring.task, ring.fd, 0, 2, Enter.GetEvents);
    },
    shows: /"waiters":\[\{"tid":100/,
  },
];

/** Shown, and not to be changed in a scene. */
export const UNCHANGED: { readonly [item: number]: string } = {
  20: 'belongs to the kernel, not to the ring: below',
  21: 'a number that the kernel makes up: below, and link-info-layout.test.ts',
  57: 'only while a call waits: iter-change.test.ts',
};

export function scene(ring: string, task: string, events = ''): string {
  return `
tasks:
  - pid: 100
    comm: app
    uid: 1000
    rlimits: { memlock: 8M }
    files:
      - { fd: 0, open: /dev/null }
      - { fd: 5, eventfd: 0 }
${task}
    mappings:
      - { name: heap, address: 0x7f0000000000, length: 64K, kind: shared }
      - { name: big, address: 0x7f0040000000, length: 4M, kind: huge }
    rings:
      - fd: 3
        ${ring === '' ? 'entries: 8' : ring}
${events}`;
}

/** fcntl F_SETOWN_EX and F_SETSIG of the ring's file. */
function setOwner(machine: Machine, world: World): void {
  const [ring] = world.rings();
  if (!ring) throw new Error('no ring');
  const owner = { type: OwnerType.Process, pid: ring.task.pid };
  expect(machine.sys.fcntl_setown_ex(ring.task, ring.fd, owner)).toBe(0);
  expect(machine.sys.fcntl(ring.task, ring.fd, Fcntl.SetSig, 10)).toBe(0);
}

/** fcntl F_SETFL of the ring's file. */
function setNonBlocking(machine: Machine, world: World): void {
  const [ring] = world.rings();
  if (!ring) throw new Error('no ring');
  expect(machine.sys.fcntl(ring.task, ring.fd, Fcntl.SetFl, Open.NonBlock)).toBe(0);
}

const KERNEL_ORDER = new Map(KERNELS.map((name, i) => [name, i]));
export const has = (kernel: string, since: string | undefined) =>
  since === undefined || (KERNEL_ORDER.get(kernel) ?? 0) >= (KERNEL_ORDER.get(since) ?? 0);

/** The world that a change leads to. */
export async function changedSession(change: Change, kernel: string): Promise<Session> {
  const session = await sessionOf(changedScene(change), kernel);
  change.act?.(session);
  return session;
}

export function changedScene({ after, task, eventsAfter, events, instead }: Change): string {
  return scene(after, task?.[1] ?? '', eventsAfter ?? events).replace(...(instead ?? ['', '']));
}
