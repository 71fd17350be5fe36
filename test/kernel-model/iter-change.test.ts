/**
 * Iterators over what changes between two reads, compared with the kernel's rules for where a read resumes,
 * written down here a second time as plain functions. (io_uring_buf, io_uring_file and epoll against random
 * changes: locks-agree.test.ts.)
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EpollOp } from '../../kernel-model/epoll-ctl.ts';
import { RegisterOp as Op } from '../../kernel-model/io-uring/uapi.ts';
import { openMap } from '../../kernel-model/iter/bpf-map-elem.ts';
import {
  buffered,
  finish,
  first,
  handOut,
  newSeq,
  next,
  type Printing,
  type SeqState,
  type Step,
  show,
  type Visited,
  type Walk,
} from '../../kernel-model/locks/seq.ts';
import { Machine } from '../../kernel-model/machine.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import type { Task } from '../../kernel-model/task.ts';
import { Clone } from '../../kernel-model/task-table.ts';
import { MapTable } from '../../vm/maps.ts';
import { createVm } from '../../vm/node.ts';
import { mapDef, u32 } from '../vm/helper-rig.ts';
import { readAll } from './iter-support.ts';
import { type Body, linkTo, type OpenIterator, openIterator, programOf } from './program-support.ts';
import { Caller, ints, iovecs, rsrcUpdate } from './ring-support.ts';
import { newMachine, PAGE } from './support.ts';

const KERNELS = ['5.16+series', '6.1', '6.12'];
const PRINTING: Printing = { recordBytes: 8, header: 'seq_num', deadCounted: true };
/** Above all tasks of the tests. */
const READER = 9000;
const THREAD = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;

/** Objects shown, "end" for the last run, and bytes returned. */
type Trail = (string | number)[];

/** A reader that goes by a rule alone. */
class RuleReader<T, C> {
  private readonly walk: Walk<T, C>;
  private seq: SeqState<C>;

  constructor(walk: Walk<T, C>) {
    this.walk = walk;
    this.seq = newSeq(walk.start);
  }

  read(table: T, length: number): Trail {
    const trail: Trail = [];
    if (buffered(this.seq, PRINTING) === 0) this.refill(table, length, trail);
    const [after, , size] = handOut(this.seq, length, PRINTING);
    this.seq = after;
    return [...trail, size];
  }

  private refill(table: T, length: number, trail: Trail): void {
    const { walk } = this;
    let object: Visited | null;
    [this.seq, object] = first(this.seq, walk, table);
    while (object) {
      trail.push(object.item);
      this.seq = show(this.seq, object, PRINTING);
      [this.seq, object] = next(this.seq, walk, table, object);
      if (object && buffered(this.seq, PRINTING) >= length) {
        this.seq = { ...this.seq, cursor: walk.putBack(this.seq.cursor, table, object) };
        return;
      }
    }
    if (!this.seq.doneStop) trail.push('end');
    this.seq = finish(this.seq, walk, PRINTING);
  }
}

/** A program that prints as the rule's reader counts: header at number 0, 8 bytes an object, 4 for the end. */
function printer(trail: Trail, nameOf: (view: Parameters<Body>[0]) => string | undefined): Body {
  return (view) => {
    if (view.seqNum === 0) view.write('B\n');
    const name = nameOf(view);
    trail.push(name ?? 'end');
    view.write(name === undefined ? 'End\n' : 'object \n');
    return 0;
  };
}

/** Reads the model's iterator and the rule's side by side, with changes in between. */
function compare<T, C>(
  iterator: OpenIterator,
  trail: Trail,
  rule: RuleReader<T, C>,
  table: () => T,
  events: readonly (number | (() => void))[],
): void {
  for (const event of events) {
    if (typeof event === 'function') {
      event();
      continue;
    }
    const expected = rule.read(table(), event);
    trail.length = 0;
    const result = iterator.read(event);
    expect([...trail, result instanceof Uint8Array ? result.length : result]).toEqual(expected);
  }
}

const lengths = fc.constantFrom(1, 7, 8, 9, 10, 16, 18, 26, 4096);

function histories<E>(change: fc.Arbitrary<E>): fc.Arbitrary<(number | E)[]> {
  return fc.array(fc.oneof({ weight: 3, arbitrary: lengths }, { weight: 1, arbitrary: change }), {
    minLength: 3,
    maxLength: 16,
  });
}

const slot = (task: number, at: number) => task * 1e6 + at;

/** task: the task with the remembered id, or the next one. */
const taskRule: Walk<readonly number[], number> = {
  start: 0,
  first: taskFrom,
  next: (table, tid) => taskFrom(table, tid + 1),
  putBack: (tid) => tid,
  ended: (tid) => tid,
  endIndex: () => null,
};

function taskFrom(table: readonly number[], tid: number): Step<number> {
  const found = table.find((id) => id >= tid);
  return found === undefined
    ? { object: null, cursor: tid }
    : { object: { slot: found, item: `${found}` }, cursor: found };
}

interface FilesOf {
  readonly pid: number;
  readonly fds: readonly number[];
}

interface FilePlace {
  readonly tid: number;
  readonly fd: number;
}

/** task_file: task and descriptor are remembered; what is gone gives way to the next. */
const fileRule: Walk<readonly FilesOf[], FilePlace> = {
  start: { tid: 0, fd: 0 },
  first: fileFrom,
  next: (table, { tid, fd }) => fileFrom(table, { tid, fd: fd + 1 }),
  putBack: (place) => place,
  ended: (place) => place,
  endIndex: () => null,
};

function fileFrom(table: readonly FilesOf[], { tid, fd }: FilePlace): Step<FilePlace> {
  for (const { pid, fds } of table) {
    if (pid < tid) continue;
    const found = fds.find((open) => open >= (pid === tid ? fd : 0));
    if (found === undefined) continue;
    return {
      object: { slot: slot(pid, found), item: `${pid}:${found}` },
      cursor: { tid: pid, fd: found },
    };
  }
  return { object: null, cursor: { tid: Math.max(tid, READER + 1), fd: 0 } };
}

interface Range {
  readonly start: number;
  readonly end: number;
}

interface RangesOf {
  readonly pid: number;
  readonly ranges: readonly Range[];
}

interface RangePlace {
  readonly tid: number;
  /** End of the mapping to go on at. */
  readonly end: number;
}

/** task_vma: what stands now at the last byte of the mapping that a read stopped before, or behind it. */
const vmaRule: Walk<readonly RangesOf[], RangePlace> = {
  start: { tid: 0, end: 0 },
  first: (table, { tid, end }) => {
    const task = table.find(({ pid }) => pid === tid);
    const range = task?.ranges.find((candidate) => candidate.end > end - 1);
    return task && range ? rangeStep(task.pid, range) : firstRange(table, task ? tid + 1 : tid);
  },
  next: (table, { tid, end }) => {
    const range = table.find(({ pid }) => pid === tid)?.ranges.find((candidate) => candidate.end > end);
    return range ? rangeStep(tid, range) : firstRange(table, tid + 1);
  },
  putBack: (place) => place,
  ended: (place) => place,
  endIndex: () => null,
};

function firstRange(table: readonly RangesOf[], tid: number): Step<RangePlace> {
  for (const { pid, ranges } of table) {
    const [range] = ranges;
    if (pid >= tid && range) return rangeStep(pid, range);
  }
  return { object: null, cursor: { tid: Math.max(tid, READER + 1), end: 0 } };
}

function rangeStep(pid: number, { start, end }: Range): Step<RangePlace> {
  return {
    object: { slot: slot(pid, start / PAGE), item: `${pid}:${start.toString(16)}-${end.toString(16)}` },
    cursor: { tid: pid, end },
  };
}

type Buckets = readonly (readonly number[])[];

interface BucketPlace {
  readonly bucket: number;
  readonly skip: number;
}

/** bpf_map_elem of a hash: so many elements into a bucket, whichever those are now. */
const hashRule: Walk<Buckets, BucketPlace> = {
  start: { bucket: 0, skip: 0 },
  first: elementFrom,
  next: (table, { bucket, skip }) => elementFrom(table, { bucket, skip: skip + 1 }),
  putBack: (place) => place,
  ended: (place) => place,
  endIndex: () => null,
};

function elementFrom(table: Buckets, { bucket, skip }: BucketPlace): Step<BucketPlace> {
  for (let at = bucket; at < table.length; at++) {
    const passed = at === bucket ? skip : 0;
    const key = table[at]?.[passed];
    if (key !== undefined)
      return { object: { slot: key, item: `${key}` }, cursor: { bucket: at, skip: passed } };
  }
  return { object: null, cursor: { bucket: table.length, skip: 0 } };
}

describe.each(KERNELS)('by the rule on %s', (kernel) => {
  test('task: tasks come and go', async () => {
    const machine = await newMachine(kernel);
    const reader = machine.tasks.create({ pid: READER });
    const change = fc.record({ pid: fc.integer({ min: 100, max: 106 }), thread: fc.boolean() });
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 100, max: 106 })), histories(change), (pids, history) => {
        endOthers(machine, reader);
        for (const pid of pids) machine.tasks.create({ pid });
        const trail: Trail = [];
        const body = printer(trail, ({ struct }) => struct('task', 'task_struct')?.get('pid').toString());
        const iterator = openIterator(machine, reader, programOf(machine, 'task', body));
        const toggle = ({ pid, thread }: { pid: number; thread: boolean }) => {
          const task = machine.tasks.get(pid);
          if (task) machine.tasks.exit(task, 0);
          else if (thread) machine.tasks.clone(reader, THREAD, pid);
          else machine.tasks.create({ pid });
        };
        const events = history.map((event) => (typeof event === 'number' ? event : () => toggle(event)));
        compare(
          iterator,
          trail,
          new RuleReader(taskRule),
          () => machine.tasks.all.map(({ pid }) => pid),
          events,
        );
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  test('task_file: descriptors are closed, opened and reused, tasks exit', async () => {
    const machine = await newMachine(kernel);
    const reader = machine.tasks.create({ pid: READER });
    machine.vfs.create({ path: '/f' });
    const change = fc.record({
      pid: fc.integer({ min: 100, max: 102 }),
      fd: fc.integer({ min: 0, max: 5 }),
      exits: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
    });
    fc.assert(
      fc.property(histories(change), (history) => {
        endOthers(machine, reader);
        for (const pid of [100, 101, 102]) {
          const task = machine.tasks.create({ pid });
          for (let fd = 0; fd < 4; fd++) machine.sys.open(task, '/f', 0);
        }
        machine.tasks.clone(machine.tasks.get(100) as Task, THREAD, 110);
        const trail: Trail = [];
        const body = printer(trail, ({ context, struct }) => {
          const task = struct('task', 'task_struct');
          return task && `${task.get('pid')}:${context.get('fd')}`;
        });
        const iterator = openIterator(machine, reader, programOf(machine, 'task_file', body));
        const toggle = ({ pid, fd, exits }: { pid: number; fd: number; exits: boolean }) => {
          const task = machine.tasks.get(pid);
          if (!task) return;
          if (exits) machine.tasks.exitGroup(task, 0);
          else if (machine.sys.close(task, fd) !== 0) {
            const opened = machine.sys.open(task, '/f', 0);
            if (opened !== fd) {
              machine.sys.dup2(task, opened, fd);
              machine.sys.close(task, opened);
            }
          }
        };
        const events = history.map((event) => (typeof event === 'number' ? event : () => toggle(event)));
        const table = () =>
          machine.tasks.all
            .filter((task) => task.isLeader || task.files !== task.leader.files)
            .map(({ pid, files }) => ({ pid, fds: [...(files?.entries() ?? [])].map(([fd]) => fd) }));
        compare(iterator, trail, new RuleReader(fileRule), table, events);
      }),
      { seed: 2, numRuns: 80 },
    );
  });

  test('task_vma: mappings are split, cut, merged and moved', async () => {
    const machine = await newMachine(kernel);
    const reader = machine.tasks.create({ pid: READER });
    const BASE = 0x10_0000;
    const change = fc.record({
      pid: fc.integer({ min: 100, max: 101 }),
      what: fc.constantFrom('map', 'unmap', 'protect', 'exit'),
      page: fc.integer({ min: 0, max: 11 }),
      pages: fc.integer({ min: 1, max: 4 }),
      prot: fc.constantFrom(1, 3),
    });
    fc.assert(
      fc.property(histories(change), (history) => {
        endOthers(machine, reader);
        for (const pid of [100, 101]) {
          const task = machine.tasks.create({ pid });
          for (const page of [0, 4, 8]) machine.sys.mmap(task, BASE + page * PAGE, 3 * PAGE, 3, 0x32);
        }
        const trail: Trail = [];
        const body = printer(trail, ({ struct }) => {
          const vma = struct('vma', 'vm_area_struct');
          const pid = struct('task', 'task_struct')?.get('pid');
          return vma && `${pid}:${vma.big('vm_start').toString(16)}-${vma.big('vm_end').toString(16)}`;
        });
        const iterator = openIterator(machine, reader, programOf(machine, 'task_vma', body));
        const apply = ({
          pid,
          what,
          page,
          pages,
          prot,
        }: {
          pid: number;
          what: string;
          page: number;
          pages: number;
          prot: number;
        }) => {
          const task = machine.tasks.get(pid);
          if (!task) return;
          const at = BASE + page * PAGE;
          if (what === 'map') machine.sys.mmap(task, at, pages * PAGE, prot, 0x32);
          else if (what === 'unmap') machine.sys.munmap(task, at, pages * PAGE);
          else if (what === 'protect') machine.sys.mprotect(task, at, pages * PAGE, prot);
          else machine.tasks.exitGroup(task, 0);
        };
        const events = history.map((event) => (typeof event === 'number' ? event : () => apply(event)));
        const table = () =>
          machine.tasks.all.map(({ pid, mm }) => ({
            pid,
            ranges: (mm?.mappings ?? []).map(({ start, end }) => ({ start, end })),
          }));
        compare(iterator, trail, new RuleReader(vmaRule), table, events);
      }),
      { seed: 3, numRuns: 100 },
    );
  });

  test('bpf_map_elem: elements of a hash are deleted, added and replaced', async () => {
    const vm = await createVm();
    const machine = new Machine(vm.ram, openProfile(kernel));
    const maps = new MapTable(vm);
    const reader = machine.tasks.create({ pid: READER });
    const KEYS = Array.from({ length: 12 }, (_, key) => key);
    const def = mapDef({ type: 1, keySize: 4, valueSize: 8, maxEntries: 16 });
    const value = new Uint8Array(8);
    /** Which bucket a key goes to: by its hash alone. */
    const home = new Map(
      KEYS.map((key) => {
        const map = maps.create(def);
        map.update(u32(key), value);
        const [entry] = map.entries();
        return [key, entry?.bucket ?? 0];
      }),
    );
    // Elements that share a bucket are what the rule is about.
    expect(new Set(home.values()).size).toBeLessThan(KEYS.length);
    const change = fc.record({ key: fc.constantFrom(...KEYS), deletes: fc.boolean() });
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...KEYS)), histories(change), (keys, history) => {
        const map = maps.create(def);
        const buckets: number[][] = Array.from({ length: 16 }, () => []);
        const apply = ({ key, deletes }: { key: number; deletes: boolean }) => {
          const bucket = buckets[home.get(key) ?? 0] as number[];
          const at = bucket.indexOf(key);
          // A new element, also one that replaces another, goes to the front of its bucket.
          if (at >= 0) bucket.splice(at, 1);
          if (!deletes) bucket.unshift(key);
          if (deletes) map.delete(u32(key));
          else map.update(u32(key), value);
        };
        for (const key of keys) apply({ key, deletes: false });
        const trail: Trail = [];
        const body = printer(trail, ({ context }) => {
          const address = context.big('key');
          return address === 0n ? undefined : `${machine.ram.read(address, 4)?.[0]}`;
        });
        const fd = machine.sys.dup2(reader, openMap(machine, reader, map), 5);
        const iterator = openIterator(machine, reader, programOf(machine, 'bpf_map_elem', body), linkTo(fd));
        const events = history.map((event) => (typeof event === 'number' ? event : () => apply(event)));
        compare(iterator, trail, new RuleReader(hashRule), () => buckets, events);
      }),
      { seed: 4, numRuns: 150 },
    );
  });
});

function endOthers(machine: Machine, reader: Task): void {
  for (const task of [...machine.tasks.all]) if (task !== reader) machine.tasks.exit(task, 0);
}

describe.each(KERNELS)('what the series says on %s', (kernel) => {
  const decoder = new TextDecoder();

  /** As the selftest of io_uring_file prints. */
  const files =
    (machine: Machine): Body =>
    ({ context, seqNum, struct, write }) => {
      if (seqNum === 0) write('B\n');
      const index = context.get('index');
      if (struct('ctx', 'io_ring_ctx')?.get('nr_user_files') === index) {
        write(`E:${index}\n`);
        return 0;
      }
      const file = struct('file', 'file');
      write(`${index}:${file ? machine.dPath(file.addressOf('f_path')) : '<none>'}\n`);
      return 0;
    };

  /** As that of io_uring_buf. */
  const buffers: Body = ({ context, seqNum, struct, write }) => {
    if (seqNum === 0) write('B\n');
    write(struct('ubuf', 'io_mapped_ubuf') ? `${context.get('index')}\n` : `E:${context.get('index')}\n`);
    return 0;
  };

  async function world() {
    const machine = await newMachine(kernel);
    const task = machine.tasks.create({ pid: 100 });
    const caller = new Caller(machine, task);
    for (let i = 0; i < 8; i++) {
      machine.vfs.create({ path: `/${i}` });
      machine.sys.open(task, `/${i}`, 0);
    }
    return { machine, task, caller, ring: caller.setup(4) };
  }

  /** Reads a byte at a time until the text ends so. */
  function readTo(iterator: OpenIterator, end: string): string {
    let text = '';
    while (!text.endsWith(end)) text += decoder.decode(iterator.read(1) as Uint8Array);
    return text;
  }

  test('H11a: a smaller table: the file program takes the end for an empty slot, the buffer program does not', async () => {
    const { machine, task, caller, ring } = await world();
    const pages = Array.from({ length: 6 }, (): [number, number] => [caller.map(PAGE), PAGE]);
    caller.register(ring, Op.Files, ints(0, 1, 2, 3, 4, 5), 6);
    caller.register(ring, Op.Buffers, iovecs(...pages), 6);
    const fileIt = openIterator(
      machine,
      task,
      programOf(machine, 'io_uring_file', files(machine)),
      linkTo(ring),
    );
    const bufIt = openIterator(machine, task, programOf(machine, 'io_uring_buf', buffers), linkTo(ring));
    expect(readTo(fileIt, '4:/4\n')).toBe('B\n0:/0\n1:/1\n2:/2\n3:/3\n4:/4\n');
    expect(readTo(bufIt, '4\n')).toBe('B\n0\n1\n2\n3\n4\n');
    for (const op of [Op.UnregisterFiles, Op.UnregisterBuffers]) caller.register(ring, op, 0n, 0);
    caller.register(ring, Op.Files, ints(5, 6, 7), 3);
    caller.register(ring, Op.Buffers, iovecs(...pages.slice(0, 3)), 3);
    expect(readAll(fileIt.read, 99)).toBe('5:<none>\n');
    expect(readAll(bufIt.read, 99)).toBe('E:5\n');
  });

  test('H11b: a larger table: old entries, then new ones, and no error', async () => {
    const { machine, task, caller, ring } = await world();
    caller.register(ring, Op.Files, ints(0, 1), 2);
    const it = openIterator(machine, task, programOf(machine, 'io_uring_file', files(machine)), linkTo(ring));
    expect(readTo(it, '0:/0\n')).toBe('B\n0:/0\n');
    caller.register(ring, Op.UnregisterFiles, 0n, 0);
    caller.register(ring, Op.Files, ints(4, 5, 6, 7), 4);
    expect(readAll(it.read, 99)).toBe('1:/5\n2:/6\n3:/7\nE:4\n');
  });

  test('H11c: a slot behind the walk is not seen again, one ahead is seen as it is', async () => {
    const { machine, task, caller, ring } = await world();
    caller.register(ring, Op.Files, ints(0, 1, 2), 3);
    const it = openIterator(machine, task, programOf(machine, 'io_uring_file', files(machine)), linkTo(ring));
    readTo(it, '0:/0\n');
    for (const [slotNumber, file] of [
      [0, 6],
      [2, 7],
    ] as const)
      caller.register(ring, Op.FilesUpdate, rsrcUpdate(slotNumber, caller.put(ints(file))), 1);
    expect(readAll(it.read, 99)).toBe('1:/1\n2:/7\nE:3\n');
  });

  test('a table taken away: the end comes at once, at the index reached', async () => {
    const { machine, task, caller, ring } = await world();
    caller.register(ring, Op.Files, ints(0, 1, 2), 3);
    const it = openIterator(machine, task, programOf(machine, 'io_uring_file', files(machine)), linkTo(ring));
    readTo(it, '1:/1\n');
    caller.register(ring, Op.UnregisterFiles, 0n, 0);
    expect(readAll(it.read, 99)).toBe('2:<none>\n');
    // What is registered after the end is still walked, though the program is told no second end.
    caller.register(ring, Op.Files, ints(0, 1, 2, 3), 4);
    expect(readAll(it.read, 99)).toBe('2:/2\n3:/3\n');
  });

  test('H15 with real descriptors: a number closed and used again is watched twice, and the output never ends', async () => {
    const { machine, task, caller } = await world();
    const ep = machine.sys.dup2(task, caller.epollCreate(), 40);
    const events = Array.from({ length: 3 }, () => machine.sys.eventfd2(task, 0, 0));
    const address = (fd: number) => task.files?.get(fd)?.address ?? 0n;
    const [a, b, c] = events.toSorted((x, y) => (address(x) < address(y) ? -1 : 1)) as [
      number,
      number,
      number,
    ];
    // File a is watched as 60 and stays open elsewhere; then 60 is closed and becomes file c.
    machine.sys.dup2(task, a, 60);
    machine.sys.dup2(task, b, 61);
    for (const fd of [60, 61]) expect(caller.epollCtl(ep, EpollOp.Add, fd)).toBe(0);
    machine.sys.close(task, 60);
    machine.sys.dup2(task, c, 60);
    expect(caller.epollCtl(ep, EpollOp.Add, 60)).toBe(0);
    const body: Body = ({ struct, write }) => {
      const item = struct('epi', 'epitem');
      write(item ? `${item.get('ffd.fd')}\n` : 'E\n');
      return 0;
    };
    const open = () => openIterator(machine, task, programOf(machine, 'epoll', body), linkTo(ep));
    expect(readAll(open().read, 4096)).toBe('60\n61\n60\nE\n');
    const partial = open();
    let text = '';
    for (let i = 0; i < 300; i++) text += decoder.decode(partial.read(1) as Uint8Array);
    expect(text).toBe('60\n61\n'.repeat(50));
  });
});
