/** Scenes that once came out of a checkpoint as something else, each down to what it takes. */
import type { RandomScene, Step } from './step.ts';

export interface Regression extends Omit<RandomScene, 'kernel'> {
  readonly name: string;
  readonly kernels: readonly string[];
  readonly refused?: RegExp;
}

const OLD = '5.16+series';
const ALL = [OLD, '6.1', '6.12'];
const NEW = ['6.1', '6.12'];
const AREA = 0x7f00_0000_0000;

function scene(
  name: string,
  kernels: readonly string[],
  steps: readonly Step[],
  more: Partial<Regression> = {},
): Regression {
  return { name, kernels, tasks: [{ pid: 100, uid: 1000, rlimits: { memlock: '8M' } }], steps, ...more };
}

export const REGRESSIONS: readonly Regression[] = [
  scene('private memory of a file that was sealed', ALL, [
    { task: 100, open: { memfd: 'a', size: '16K' } },
    { task: 100, map: { address: AREA, length: 8192, kind: 'file_private', fd: 0, prot: 'rwx' } },
    { task: 100, call: 'mprotect', args: [AREA, 4096, 0] },
  ]),
  scene('a deleted file and one that has its name since', ALL, [
    { task: 100, open: { open: '/srv/c', size: '16K', deleted: true } },
    { task: 100, open: { open: '/srv/c', size: '8K' } },
    { task: 100, open: { open: '/srv/c', deleted: true } },
  ]),
  scene('an eventfd that appends', ALL, [
    { task: 100, open: { fd: 23, eventfd: 0 } },
    { task: 100, call: 'set_flags', args: [23, 0o2000] },
  ]),
  scene('a socket of messages whose other end is gone', ALL, [
    { task: 100, call: 'socketpair', args: [5] },
    { task: 100, store: { fd: 1, text: 'last words' } },
    { task: 100, close: 1 },
  ]),
  scene('a chain whose second read has no file yet', ALL, [
    { task: 100, open: { fd: 7, eventfd: 0 } },
    { task: 100, open: { fd: 8, eventfd: 0 } },
    { task: 100, ring: { fd: 3 } },
    {
      task: 100,
      submit: {
        fd: 3,
        entries: [
          { poll: { fd: 7 }, flags: ['IO_LINK'], data: 1 },
          { poll: { fd: 8, events: ['PRI'] }, flags: ['IO_LINK'], data: 2 },
          { read: { fd: 8, address: AREA, length: 8 }, data: 3 },
        ],
      },
    },
  ]),
  scene('a poll that has waited for all before it, of a task that must ask', NEW, [
    { task: 100, open: { pipe: true } },
    { task: 100, ring: { fd: 4, entries: 2, flags: ['SUBMIT_ALL', 'SINGLE_ISSUER', 'DEFER_TASKRUN'] } },
    {
      task: 100,
      submit: {
        fd: 4,
        entries: [
          { write: { fd: 1, address: AREA, length: 8 }, flags: ['IO_HARDLINK'], data: 3 },
          { nop: true, flags: ['IO_HARDLINK'], data: 3 },
          { poll: { fd: 0 }, flags: ['IO_DRAIN', 'IO_HARDLINK'], data: 12 },
          { poll: { fd: 1 }, data: 11 },
        ],
      },
    },
    { task: 100, enter: { fd: 4 } },
  ]),
  scene('a poll for good of a ready file, of a task that enters the kernel later', NEW, [
    { task: 100, open: { fd: 26, eventfd: 0 } },
    { task: 100, ring: { fd: 1, entries: 2, flags: ['COOP_TASKRUN'] } },
    {
      task: 100,
      submit: { fd: 1, entries: [{ poll: { fd: 26, events: ['OUT'], multishot: true }, data: 12 }] },
    },
    { task: 100, submit: { fd: 1, entries: [{ nop: true }, { nop: true }, { nop: true }] } },
  ]),
  scene(
    'buffers that were provided without a word',
    ['6.12'],
    [
      { task: 100, map: { address: AREA, length: 4096 } },
      { task: 100, ring: { fd: 5 } },
      {
        task: 100,
        submit: {
          fd: 5,
          entries: [
            {
              provide_buffers: { group: 2, address: AREA, length: 11, count: 2, id: 19 },
              flags: ['CQE_SKIP_SUCCESS'],
              data: 2,
            },
            { install: { slot: 1 }, data: 12 },
            { timeout: { milliseconds: 7, multishot: true, completions: 2 }, data: 1 },
          ],
        },
      },
    ],
  ),
  scene('a ring of buffers in memory that was sealed', NEW, [
    { task: 100, map: { address: AREA, length: 16384, kind: 'shared' } },
    { task: 100, ring: { fd: 4 } },
    { task: 100, register: { fd: 4, calls: [{ buffer_ring: { group: 2, entries: 8, address: AREA } }] } },
    { task: 100, call: 'mprotect', args: [AREA, 12288, 1] },
  ]),
  scene('a bit that has no meaning before 5.17, on the head of a chain', ALL, [
    { task: 100, ring: { fd: 2 } },
    {
      task: 100,
      submit: {
        fd: 2,
        entries: [
          { timeout: { milliseconds: 7 }, flags: ['IO_HARDLINK', 'CQE_SKIP_SUCCESS'], data: 8 },
          { read: { fd: 1, length: 8 }, flags: ['FIXED_FILE', 'BUFFER_SELECT'], group: 1, data: 5 },
          { nop: true, data: 7 },
        ],
      },
    },
    { task: 100, wait: 10 },
  ]),
  scene(
    'completions that no old kernel posts again',
    [OLD],
    [
      { task: 100, ring: { fd: 3, entries: 1 } },
      {
        task: 100,
        submit: {
          fd: 3,
          entries: [
            { nop: true },
            { nop: true },
            { poll_remove: 1, data: 5 },
            { nop: true, flags: ['BUFFER_SELECT'], data: 6 },
          ],
        },
      },
    ],
  ),
  scene(
    'a word in user memory that tells a task to ask, long after it has',
    ['6.12'],
    [
      { task: 100, open: { pipe: true } },
      { task: 100, map: { address: AREA, length: 16384, kind: 'shared' } },
      { task: 100, store: { fd: 1, text: 'text' } },
      {
        task: 100,
        ring: {
          fd: 3,
          flags: ['SUBMIT_ALL', 'SINGLE_ISSUER', 'DEFER_TASKRUN', 'TASKRUN_FLAG', 'NO_SQARRAY', 'NO_MMAP'],
          memory: { rings: AREA, entries: AREA + 8192 },
        },
      },
      {
        task: 100,
        submit: {
          fd: 3,
          entries: [
            { poll: { fd: 0 }, flags: ['IO_LINK'], data: 2 },
            { nop: true, flags: ['IO_LINK'], data: 11 },
            { nop: true, data: 5 },
          ],
        },
      },
      { task: 100, enter: { fd: 3 } },
    ],
  ),
  scene('a timeout that is later than any', ALL, [
    { task: 100, map: { address: AREA, length: 4096, content: [{ fill: 58, length: 16 }] } },
    { task: 100, ring: { fd: 3 } },
    { task: 100, submit: { fd: 3, entries: [{ timeout: { milliseconds: '(1 << 64) - 1' } }] } },
  ]),
  scene(
    'a ring that waits for itself',
    ALL,
    [
      { task: 100, ring: { fd: 3 } },
      { task: 100, submit: { fd: 3, entries: [{ poll: { fd: 3, events: ['PRI'] } }] } },
    ],
    { refused: /\(item 74\) what its requests wait for waits for the ring itself/ },
  ),
  scene(
    'a process without its first thread',
    ALL,
    [
      { task: 101, ring: { fd: 3 } },
      { task: 100, exit: 'thread' },
    ],
    {
      tasks: [{ pid: 100, threads: [{ tid: 101 }] }],
      refused: /process 100 goes on without its first thread/,
    },
  ),
];
