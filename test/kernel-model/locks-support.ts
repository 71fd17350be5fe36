/** Random lock scenes over rings, epoll, links and iterators; many speak of what is not there. */
import fc from 'fast-check';
import { CALLS } from '../../kernel-model/locks/calls.ts';

/** Names that the scenes define, by what they are good for; the rest is for mistakes. */
const NAMES = ['a', 'b', 'r', 'e', 'l', 'it', 'ei', 'ev', 'o', 'none'];
const FITTING: { readonly [call: string]: readonly string[] } = {
  lock: ['a'],
  trylock: ['a'],
  wait: ['ev'],
  wake: ['ev'],
  get: ['o', 'b'],
  put: ['o', 'b'],
  access: ['o'],
  read: ['it', 'ei'],
  enter: ['r'],
  register: ['r'],
  unregister: ['r'],
  update: ['r'],
  register_eventfd: ['r'],
  iowq_max_workers: ['r'],
  use: ['r'],
  finish: ['r'],
  mmap: ['r'],
  attach: ['l2'],
  close: ['b', 'r', 'e', 'l', 'it'],
  epoll_add: ['e'],
  epoll_del: ['e'],
  epoll_wait: ['e'],
};

const MORE = {
  reads: fc.constantFrom('it', 'ei'),
  table: fc.constantFrom('files', 'buffers'),
  slot: fc.integer({ min: 0, max: 3 }),
  file: fc.constant('b'),
  fd: fc.integer({ min: 1, max: 2 }),
  until: fc.constantFrom('once', 'end'),
  on_error: fc.constantFrom('retry', 'give-up', 'take-as-end'),
  length: fc.integer({ min: 1, max: 20 }),
};

/** @param mistakes whether names may be anything. */
function calls(mistakes: boolean): fc.Arbitrary<object> {
  const name = fc.constantFrom(...NAMES);
  const weighted = Object.entries(FITTING).map(([key, names]) => ({
    weight: key === 'close' || key === 'read' ? 5 : 1,
    arbitrary: fc.tuple(fc.constant(key), fc.constantFrom(...names)),
  }));
  const more = fc.record(
    {
      ...MORE,
      to: fc.constantFrom('b', 'l', 'it', 'none'),
      files: fc.array(mistakes ? name : fc.constantFrom('b', 'l', 'it', 'none'), {
        minLength: 1,
        maxLength: 3,
      }),
    },
    mistakes ? { requiredKeys: [] } : {},
  );
  const wrong = {
    weight: mistakes ? 5 : 0,
    arbitrary: fc.tuple(fc.constantFrom(...Object.keys(CALLS)), name),
  };
  const call = fc.oneof(...weighted, wrong);
  return fc.tuple(call, more).map(([[key, value], all]) => ({ ...all, [key]: value }));
}

const variants = fc.record(
  {
    kernel: fc.constantFrom('5.16', '6.1', '6.12', '6.13'),
    start: fc.constantFrom('trylock', 'mutex_lock'),
    epoll_start: fc.constantFrom('trylock', 'mutex_lock'),
    iterator_holds: fc.constantFrom('nothing', 'refs', 'file'),
    link_holds: fc.constantFrom('refs', 'file', 'weak'),
    table_change: fc.constantFrom('unnoticed', 'ESTALE'),
    epoll_restart: fc.constantFrom('fd', 'key'),
    epoll_dead: fc.constantFrom('counted', 'skipped'),
    copy: fc.constantFrom('locked', 'unlocked'),
    ring_mmap: fc.constantFrom('lockless', 'uring_lock'),
  },
  { requiredKeys: [] },
);

/** Scenes as text, to be parsed. */
export function sceneTexts(options: { mistakes: boolean; maxCalls: number }): fc.Arbitrary<string> {
  const program = fc.array(calls(options.mistakes), { minLength: 1, maxLength: options.maxCalls });
  return fc
    .tuple(variants, fc.boolean(), fc.boolean(), fc.array(program, { minLength: 1, maxLength: 3 }))
    .map(([variant, sqpoll, nonblock, programs]) =>
      JSON.stringify({
        expect: 'none',
        variant,
        locks: [{ name: 'a' }],
        files: [{ name: 'b' }],
        rings: [{ name: 'r', files: ['b', 'none'], sqpoll }],
        epolls: [{ name: 'e', items: [{ file: 'b', fd: 1 }] }],
        links: [
          { name: 'l', to: 'r' },
          { name: 'l2', to: 'r', attached: false },
        ],
        iterators: [
          { name: 'it', target: 'io_uring_file', of: 'r', nonblock },
          { name: 'ei', target: 'epoll', of: 'e', nonblock },
        ],
        events: ['ev'],
        objects: [{ name: 'o' }],
        actors: programs.map((does, i) => ({ name: `t${i}`, does })),
      }),
    );
}
