/**
 * Every item of the inventory through a checkpoint: a world that has it is dumped, restored into a fresh kernel and
 * dumped again. One test for each item, kernel and way to have it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ITEM_VIEWS } from '../../checkpoint/compare/items.ts';
import { proveRestore, takeCheckpoint } from '../../checkpoint/roundtrip.ts';
import items from '../../kernel-model/inventory/items.json' with { type: 'json' };
import { CHANGES, type Change, changedSession, has } from '../programs/inventory-changes.ts';
import { checkpointObject, KERNELS, sessionOf } from '../programs/support.ts';
import { Evidence } from './evidence.ts';

const LOST_BUFFER = 'register: [{ buffers: [{ address: heap, length: 8K }] }]';
/** Other ways to have an item, where what the inventory's test changes is only a part of it. */
const MORE: Change[] = [
  { item: 38, program: '', after: 'submit: [{ timeout: { milliseconds: 900, completions: 3 } }]' },
  {
    item: 44,
    program: '',
    after: LOST_BUFFER,
    eventsAfter: 'events: [{ task: 100, unmap: { address: heap, length: 4K } }]',
  },
  {
    item: 44,
    program: '',
    after: 'register: [{ buffers: [{ address: big, length: 8K }] }]',
    eventsAfter: 'events: [{ task: 100, unmap: { address: big, length: 2M } }]',
  },
  {
    item: 19,
    program: '',
    after: 'compat: true\n        register: [{ buffers: [{ address: low, length: 8K, tag: 7 }, none] }]',
    instead: [
      '- { name: heap',
      '- { name: low, address: 0x10000000, length: 64K, kind: shared }\n      - { name: heap',
    ],
  },
  { item: 47, program: '', after: 'entries: 8' },
  {
    item: 52,
    program: '',
    after: 'register: [{ files: [0, none, 5] }]',
    eventsAfter: 'events: [{ task: 100, close: 5 }, { task: 100, close: 0 }]',
  },
  {
    item: 85,
    program: '',
    after: 'entries: 8',
    eventsAfter: 'events: [{ task: 100, open: { fd: 9, epoll: [{ fd: 3 }] } }]',
  },
];
/** Tried above in the only way that there is: in use or not, it comes out equal. */
const NOT_ALONE = new Set([38, 47, 52, 85]);

const evidence = new Evidence();
const DOCUMENT = new URL('../../docs/can-io_uring-be-checkpointed.md', import.meta.url);
/** Behind this line stands what the tests found. */
const MARK = '<!-- results: written by DRYDOCK_DOCS=1 npx vitest run test/checkpoint/items.test.ts -->\n\n';

const classOf = (id: number) => items[id - 1]?.class;

describe.each(KERNELS)('on %s', (kernel) => {
  const changes = [...CHANGES, ...MORE].filter(({ since }) => has(kernel, since));

  it.each(changes)('item $item survives: $after', async (change) => {
    const { state, refusals } = takeCheckpoint(await changedSession(change, kernel), checkpointObject);
    expect(refusals).toEqual([]);
    const { comparison } = proveRestore(await sessionOf('', kernel), checkpointObject, state);
    expect(comparison.items.filter(({ equal }) => !equal)).toEqual([]);
    expect(comparison.world).toEqual([]);
    evidence.add(change.item, kernel);
    const result = comparison.items.find(({ item }) => item === change.item);
    if (!result || (CHANGES.includes(change) && NOT_ALONE.has(change.item))) return;
    expect(result.present, `item ${change.item} is in use`).toBe(true);
    expect(result.caveat === undefined).toBe(classOf(change.item) !== 'r');
  });
});

/** Only when all of the above have run. */
describe('docs/can-io_uring-be-checkpointed.md', () => {
  it('says of each item what was found here', () => {
    const document = readFileSync(DOCUMENT, 'utf8');
    const [prose, rest] = document.split(MARK) as [string, string];
    const [, ...behind] = rest.split('\n\n');
    const current = [prose, MARK, evidence.table(), behind.length > 0 ? `\n${behind.join('\n\n')}` : ''].join(
      '',
    );
    if (process.env.DRYDOCK_DOCS) writeFileSync(DOCUMENT, current);
    else expect(document).toBe(current);
  });
});

describe('the items', () => {
  const tested = new Set(CHANGES.map(({ item }) => item));

  it('that can be restored have a test each, but for what no modelled kernel has', () => {
    const restorable = items.filter((item) => item.class === 'R' || item.class === 'r').map(({ id }) => id);
    expect(restorable.filter((id) => !tested.has(id))).toEqual([71]);
    expect(restorable.filter((id) => !ITEM_VIEWS[id])).toEqual([71]);
  });
});
