/** Registered files: the table with its tags and holes, the range of automatic allocation, and where that goes on. */
import { RegisterOp, RSRC_REGISTER_SPARSE, UserSize } from '../../../kernel-model/io-uring/uapi.ts';
import { Rlimit, type Task } from '../../../kernel-model/task.ts';
import type { FileTableState } from '../../state.ts';
import { sourceNode } from '../files.ts';
import { concat, record } from './extras.ts';
import { withMemfd } from './helper-files.ts';
import { type RingRestore, ringNode } from './ring.ts';

/** 5.19: IORING_RSRC_REGISTER_SPARSE. */
const SPARSE_VERSION = 0x5_1300;
/** Descriptors that the restorer has open beside its own for a table. */
const BATCH = 256;

type Slot = FileTableState['slots'][number];

export function addFiles(ring: RingRestore): void {
  const { files } = ring.state;
  if (!files) return;
  const { world, index } = ring;
  const sources = files.slots.flatMap((slot) => (slot ? [sourceNode(world, slot.file)] : []));
  const after = [ringNode(index, 'setup'), ringNode(index, 'extras'), ...new Set(sources)];
  world.graph.add(ringNode(index, 'files'), after, () => register(ring, files));
}

function register(ring: RingRestore, table: FileTableState): void {
  const { slots, allocation } = table;
  if (allocation && !hasRanges(ring)) {
    if (allocation.start !== 0 || allocation.end !== slots.length)
      ring.refuse(55, 'this kernel allocates slots from the whole table only');
    registerTable(ring, slots);
    return;
  }
  const last = allocation && lastUpdate(ring, slots, allocation);
  allowFiles(ring, slots.length + BATCH);
  const kept = slots.map((slot, i) => (i === last ? undefined : slot));
  registerTable(ring, kept);
  if (allocation) setRange(ring, allocation, slots.length);
  if (allocation && last === undefined && ring.state.files) touch(ring, table, allocation.hint);
  else if (last !== undefined) update(ring, last, [slots[last]]);
}

/** A ring may come from a kernel that has them. */
function hasRanges(ring: RingRestore): boolean {
  return ring.world.calls.machine.profile.dialect.registerOps > RegisterOp.FileAllocRange;
}

/** A table may have no more slots than who registers it may have descriptors. */
function allowFiles(ring: RingRestore, count: number): void {
  const { calls } = ring.world;
  const { restorer, machine } = calls;
  if (restorer.limit(Rlimit.NoFile) >= count) return;
  const raised = machine.sys.prlimit64(restorer, restorer.pid, Rlimit.NoFile, { soft: count, hard: count });
  calls.done(restorer, 'prlimit64', ['RLIMIT_NOFILE', count], typeof raised === 'number' ? raised : 0);
}

/** The table as a whole when it is small or empty; else with holes first, that are filled piece by piece. */
function registerTable(ring: RingRestore, slots: readonly Slot[]): void {
  const empty = slots.every((slot) => slot === undefined);
  const whole = !empty && slots.length <= BATCH;
  const task = ring.world.calls.restorer;
  if (whole) {
    withNumbers(ring, task, slots, (numbers) => create(ring, task, numbers, tagsOf(slots)));
    return;
  }
  create(ring, task, new Int32Array(slots.length).fill(-1), undefined);
  for (let at = 0; at < slots.length; at += BATCH) {
    const part = slots.slice(at, at + BATCH);
    if (part.some((slot) => slot)) update(ring, at, part);
  }
}

function create(ring: RingRestore, task: Task, numbers: Int32Array, tags: BigUint64Array | undefined): void {
  const { world } = ring;
  const { versionCode } = world.calls.machine.profile.dialect;
  const count = numbers.length;
  const empty = numbers.every((number) => number < 0);
  if (empty && versionCode >= SPARSE_VERSION) {
    const argument = record([count, RSRC_REGISTER_SPARSE], [0n, 0n, 0n]);
    ring.register(task, RegisterOp.Files2, 'FILES2', argument, UserSize.RsrcRegister, `${count} empty`);
    return;
  }
  if (!tags) {
    ring.register(task, RegisterOp.Files, 'FILES', bytesOf(numbers), count, `[${numbers.join(' ')}]`);
    return;
  }
  withArrays(ring, task, numbers, tags, (data, at) => {
    const argument = record([count, 0], [0n, data, at]);
    ring.register(
      task,
      RegisterOp.Files2,
      'FILES2',
      argument,
      UserSize.RsrcRegister,
      `[${numbers.join(' ')}] with tags`,
    );
  });
}

/** Fills slots; holes in between stay as they are. */
function update(ring: RingRestore, offset: number, slots: readonly Slot[]): void {
  const task = ring.world.calls.restorer;
  withNumbers(ring, task, slots, (numbers) => {
    for (const [i, slot] of slots.entries()) if (!slot) numbers[i] = -2;
    setSlots(ring, task, offset, numbers, tagsOf(slots) ?? new BigUint64Array(slots.length));
  });
}

function setSlots(
  ring: RingRestore,
  task: Task,
  offset: number,
  numbers: Int32Array,
  tags: BigUint64Array,
): void {
  const count = numbers.length;
  withArrays(ring, task, numbers, tags, (data, at) => {
    const argument = record([offset, 0], [data, at, BigInt(count)]);
    const done = ring.register(
      task,
      RegisterOp.FilesUpdate2,
      'FILES_UPDATE2',
      argument,
      UserSize.RsrcUpdate2,
      `at ${offset} [${numbers.join(' ')}]`,
    );
    if (done !== count) ring.refuse(51, `only ${done} of ${count} files can be registered`);
  });
}

type Allocation = NonNullable<FileTableState['allocation']>;

/**
 * The hint follows the last slot that was set or emptied, and the range when that was set last.
 * @returns the slot that has to be set last; undefined when an empty slot will do, or the range itself
 */
function lastUpdate(
  ring: RingRestore,
  slots: readonly Slot[],
  { start, hint }: Allocation,
): number | undefined {
  if (hint === start || (hint < slots.length && !slots[hint])) return undefined;
  if (hint > 0 && slots[hint - 1]) return hint - 1;
  return ring.refuse(55, `no update leaves the search for a free slot at ${hint}`);
}

/** The search goes on at an empty slot when that was emptied last. */
function touch(ring: RingRestore, { slots }: FileTableState, hint: number): void {
  const { allocation } = ring.state.files ?? {};
  if (!allocation || allocation.hint === allocation.start || slots[hint]) return;
  const task = ring.world.calls.restorer;
  const none = new BigUint64Array(1);
  withMemfd(ring, 1, (fd) => setSlots(ring, task, hint, Int32Array.of(fd), none));
  setSlots(ring, task, hint, Int32Array.of(-1), none);
}

/** Registering has set it to the whole table, and then every slot that was filled has moved the hint. */
function setRange(ring: RingRestore, { start, end, hint }: Allocation, size: number): void {
  const isWhole = start === 0 && end === size;
  const isAtStart = hint === start && ring.state.files?.slots.every((slot) => !slot);
  if (isWhole && (isAtStart || hint !== start)) return;
  const argument = record([start, end - start], [0n]);
  ring.register(
    ring.world.calls.restorer,
    RegisterOp.FileAllocRange,
    'FILE_ALLOC_RANGE',
    argument,
    0,
    `${start} ${end - start}`,
  );
}

/** Runs something with the descriptors of a task for slots, -1 for empty ones. */
function withNumbers<T>(
  ring: RingRestore,
  task: Task,
  slots: readonly Slot[],
  use: (numbers: Int32Array) => T,
): T {
  const numbers = new Int32Array(slots.length).fill(-1);
  const fill = (at: number): T => {
    const slot = slots[at];
    if (at === slots.length) return use(numbers);
    if (!slot) return fill(at + 1);
    return ring.world.withFile(task, slot.file, (fd) => {
      numbers[at] = fd;
      return fill(at + 1);
    });
  };
  return fill(0);
}

function tagsOf(slots: readonly Slot[]): BigUint64Array | undefined {
  const tags = BigUint64Array.from(slots, (slot) => slot?.tag ?? 0n);
  return tags.some((tag) => tag !== 0n) ? tags : undefined;
}

function withArrays(
  ring: RingRestore,
  task: Task,
  numbers: Int32Array,
  tags: BigUint64Array,
  use: (data: bigint, tags: bigint) => void,
): void {
  const at = 8 * Math.ceil(numbers.length / 2);
  const bytes = concat(
    bytesOf(numbers),
    new Uint8Array(at - 4 * numbers.length),
    new Uint8Array(tags.buffer),
  );
  ring.world.withScratch(task, bytes, (address) => use(BigInt(address), BigInt(address + at)));
}

function bytesOf(numbers: Int32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
