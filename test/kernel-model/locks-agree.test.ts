/**
 * The iterators of lock scenes against those of the kernel model: the same tables, changes and reads give the same
 * runs of the program and the same numbers of bytes.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EpollOp } from '../../kernel-model/epoll-ctl.ts';
import { RegisterOp as Op } from '../../kernel-model/io-uring/uapi.ts';
import { buildSystem } from '../../kernel-model/locks/build.ts';
import type { Actor } from '../../kernel-model/locks/program.ts';
import type { Call, LockScene, TargetName } from '../../kernel-model/locks/scene.ts';
import type { Machine } from '../../kernel-model/machine.ts';
import { type Body, linkTo, type OpenIterator, openIterator, programOf } from './program-support.ts';
import { Caller, ints, iovecs, rsrcUpdate } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const RECORD = 8;

/** One thing that happens, in both models. */
type Event =
  | { readonly read: number }
  | { readonly table: readonly string[] }
  | { readonly slot: number; readonly to: string }
  | { readonly add: boolean; readonly file: string; readonly fd: number };

/** What a read did: objects shown, "end" for the last run, and the bytes returned. */
type Trail = (string | number)[];

const lengths = fc.constantFrom(1, 3, 7, 8, 9, 10, 16, 18, 25, 4096);
const reads = lengths.map((read): Event => ({ read }));
const slotName = fc.constantFrom('none', ...NAMES);
const slots = fc.array(slotName, { minLength: 1, maxLength: 6 });
const tables = slots.map((table): Event => ({ table }));
const updates = fc
  .record({ slot: fc.integer({ min: 0, max: 6 }), to: slotName })
  .map((event): Event => event);
const items = fc.record({ file: fc.constantFrom(...NAMES), fd: fc.integer({ min: 10, max: 12 }) });
const controls = fc.tuple(fc.boolean(), items).map(([add, item]): Event => ({ add, ...item }));

const history = (change: fc.Arbitrary<Event>) =>
  fc.array(fc.oneof({ weight: 4, arbitrary: reads }, { weight: 1, arbitrary: change }), {
    minLength: 1,
    maxLength: 12,
  });

/** Follows the only actor of a lock scene, and keeps what its reads tell. */
function locksTrail(scene: LockScene): Trail {
  const system = buildSystem(scene);
  const actor = system.actors[0] as Actor;
  const trail: Trail = [];
  let state = system.space.initial();
  for (;;) {
    const move = system.attempt(state, actor);
    if (move.kind !== 'move') {
      expect(move.kind).toBe('done');
      return trail;
    }
    expect(move.errors).toEqual([]);
    state = move.state;
    const [, shown] = /^show (.*)$/.exec(move.text) ?? [];
    const [, bytes] = /^copy_to_user\(\): (\d+) bytes$/.exec(move.text) ?? [];
    if (shown !== undefined) trail.push(shown);
    else if (bytes !== undefined) trail.push(Number(bytes));
    else if (move.text === 'stop: the program ends its output') trail.push('end');
  }
}

/** Prints as programs of lock scenes do: header at number 0, 8 bytes an object, 4 for the end. */
function printer(trail: Trail, nameOf: (view: Parameters<Body>[0]) => string | undefined): Body {
  return (view) => {
    if (view.seqNum === 0) view.write('B\n');
    const name = nameOf(view);
    trail.push(name ?? 'end');
    view.write(name === undefined ? 'End\n' : 'object'.padEnd(RECORD, '\n'));
    return 0;
  };
}

function readInto(trail: Trail, iterator: OpenIterator, length: number): void {
  const result = iterator.read(length);
  if (!(result instanceof Uint8Array)) throw new Error('the read failed');
  trail.push(result.length);
}

describe.each(['5.16+series', '6.12'])('the same trail on %s', (kernel) => {
  test.each(['io_uring_file', 'io_uring_buf'] as const)('%s', async (target) => {
    const machine = await newMachine(kernel);
    for (const name of NAMES) machine.vfs.create({ path: `/${name}` });
    const change = target === 'io_uring_file' ? fc.oneof(tables, updates) : tables;
    fc.assert(
      fc.property(slots, history(change), (initial, events) => {
        const real = ringTrail(machine, target, initial, events);
        expect(locksTrail(ringScene(target, initial, events))).toEqual(real);
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  test('epoll', async () => {
    const machine = await newMachine(kernel);
    fc.assert(
      fc.property(
        fc.uniqueArray(items, { maxLength: 6, selector: key }),
        history(controls),
        (initial, events) => {
          const { trail, order } = epollTrail(machine, initial, events);
          expect(locksTrail(epollScene(initial, events, order))).toEqual(trail);
        },
      ),
      { seed: 4, numRuns: 150 },
    );
  });
});

const key = ({ file, fd }: { file: string; fd: number }) => `${file}:${fd}`;

function ringScene(target: TargetName, initial: readonly string[], events: readonly Event[]): LockScene {
  const which = target === 'io_uring_file' ? 'files' : 'buffers';
  const calls = events.flatMap((event): Call[] => {
    if ('read' in event) return [{ read: 'it', length: event.read, until: 'once' }];
    if ('table' in event)
      return [
        { unregister: 'r', table: which },
        { register: 'r', [which]: event.table },
      ];
    return 'slot' in event ? [{ update: 'r', slot: event.slot, to: event.to }] : [];
  });
  return {
    expect: 'none',
    files: NAMES.map((name) => ({ name })),
    rings: [{ name: 'r', [which]: initial }],
    iterators: [{ name: 'it', target, of: 'r', record_bytes: RECORD }],
    actors: [{ name: 't', does: calls }],
  };
}

function ringTrail(
  machine: Machine,
  target: TargetName,
  initial: readonly string[],
  events: readonly Event[],
): Trail {
  const task = machine.tasks.create({});
  const caller = new Caller(machine, task);
  const trail: Trail = [];
  const isFile = target === 'io_uring_file';
  const addresses = new Map<string, number>();
  for (const name of NAMES)
    addresses.set(name, isFile ? machine.sys.open(task, `/${name}`, 0) : caller.map(PAGE));
  const fd = caller.setup(4);
  const register = (table: readonly string[]) => {
    const at = (name: string) => addresses.get(name) ?? (isFile ? -1 : 0);
    const argument = isFile
      ? ints(...table.map(at))
      : iovecs(...table.map((name): [number, number] => [at(name), name === 'none' ? 0 : PAGE]));
    expect(caller.register(fd, isFile ? Op.Files : Op.Buffers, argument, table.length)).toBe(0);
  };
  register(initial);
  const nameOf = ({ context, struct }: Parameters<Body>[0]): string | undefined => {
    if (isFile) {
      const file = struct('file', 'file');
      if (file) return String(machine.dPath(file.addressOf('f_path'))).slice(1);
      // In the last run the index is the number of slots fetched; before, one less.
      const fetched = iterator.file.session.privateRecord?.get('index');
      return fetched === context.get('index') ? undefined : '<none>';
    }
    const ubuf = struct('ubuf', 'io_mapped_ubuf');
    if (!ubuf) return undefined;
    const start = Number(ubuf.big('ubuf'));
    return [...addresses].find(([, address]) => address === start)?.[0] ?? '<none>';
  };
  const program = programOf(machine, target, printer(trail, nameOf));
  const iterator = openIterator(machine, task, program, linkTo(fd));
  for (const event of events) {
    if ('read' in event) readInto(trail, iterator, event.read);
    else if ('table' in event) {
      caller.register(fd, isFile ? Op.UnregisterFiles : Op.UnregisterBuffers, 0n, 0);
      register(event.table);
    } else if ('slot' in event) {
      const to = caller.put(ints(addresses.get(event.to) ?? -1));
      caller.register(fd, Op.FilesUpdate, rsrcUpdate(event.slot, to), 1);
    }
  }
  machine.tasks.exitGroup(task, 0);
  return trail;
}

function epollScene(
  initial: readonly { file: string; fd: number }[],
  events: readonly Event[],
  order: readonly string[],
): LockScene {
  const calls = events.flatMap((event): Call[] => {
    if ('read' in event) return [{ read: 'it', length: event.read, until: 'once' }];
    if (!('add' in event)) return [];
    const { file, fd } = event;
    return [event.add ? { epoll_add: 'ep', file, fd } : { epoll_del: 'ep', file, fd }];
  });
  return {
    expect: 'none',
    files: order.map((name) => ({ name })),
    epolls: [{ name: 'ep', items: initial }],
    iterators: [{ name: 'it', target: 'epoll', of: 'ep', record_bytes: RECORD }],
    actors: [{ name: 't', does: calls }],
  };
}

function epollTrail(
  machine: Machine,
  initial: readonly { file: string; fd: number }[],
  events: readonly Event[],
): { trail: Trail; order: string[] } {
  const task = machine.tasks.create({});
  const caller = new Caller(machine, task);
  const trail: Trail = [];
  // Each file has a descriptor of its own that stays open; others come and go.
  const base = new Map(NAMES.map((name, i) => [name, 100 + i]));
  for (const fd of base.values()) machine.sys.dup2(task, machine.sys.eventfd2(task, 0, 0), fd);
  for (let fd = 0; fd < NAMES.length; fd++) machine.sys.close(task, fd);
  const addressOf = (name: string) => task.files?.get(base.get(name) ?? -1)?.address ?? 0n;
  const order = NAMES.toSorted((a, b) => (addressOf(a) < addressOf(b) ? -1 : 1));
  const ep = caller.epollCreate();
  const control = (op: number, file: string, fd: number) => {
    machine.sys.dup2(task, base.get(file) ?? -1, fd);
    caller.epollCtl(ep, op, fd);
  };
  for (const { file, fd } of initial) control(EpollOp.Add, file, fd);
  const nameOf = ({ struct }: Parameters<Body>[0]): string | undefined => {
    const item = struct('epi', 'epitem');
    if (!item) return undefined;
    const file = NAMES.find((name) => addressOf(name) === item.big('ffd.file'));
    return `${file}:${item.get('ffd.fd')}`;
  };
  const program = programOf(machine, 'epoll', printer(trail, nameOf));
  const iterator = openIterator(machine, task, program, linkTo(ep));
  for (const event of events) {
    if ('read' in event) readInto(trail, iterator, event.read);
    else if ('add' in event) control(event.add ? EpollOp.Add : EpollOp.Del, event.file, event.fd);
  }
  machine.tasks.exitGroup(task, 0);
  return { trail, order };
}
