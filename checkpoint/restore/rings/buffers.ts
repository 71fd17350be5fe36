/**
 * Registered buffers. Slots whose pages the address space still shows are registered by address, in one call. Pages
 * that it does not show are put at the buffer's address for the moment of its registration; clones are shared.
 */
import { RegisterOp, RSRC_REGISTER_SPARSE, UserSize } from '../../../kernel-model/io-uring/uapi.ts';
import type { Task } from '../../../kernel-model/task.ts';
import type { BufferState } from '../../state.ts';
import { objectNode } from '../files.ts';
import { mmNode } from '../memory.ts';
import { withWriting } from './address-space.ts';
import { cloneProblem, cloneSource } from './clones.ts';
import { concat, record } from './extras.ts';
import { withLostPages } from './lost-pages.ts';
import { type RingRestore, ringNode } from './ring.ts';

const PAGE = 4096;
const MAX_U32 = 0xffff_ffffn;
/** 5.19: IORING_RSRC_REGISTER_SPARSE. */
const SPARSE_VERSION = 0x5_1300;

type Slot = BufferState | undefined;

export function addBuffers(ring: RingRestore): void {
  const { buffers, mm } = ring.state;
  if (!buffers) return;
  const { world, index } = ring;
  const source = cloneSource(world.state.rings, index);
  const after = [ringNode(index, 'setup'), ringNode(index, 'extras')];
  if (mm !== undefined) after.push(mmNode(mm));
  if (source !== undefined) after.push(ringNode(source, 'buffers'));
  for (const buffer of buffers)
    for (const lost of buffer?.lost.values() ?? [])
      if (lost.kind === 'object') after.push(objectNode(lost.object));
  world.graph.add(ringNode(index, 'buffers'), [...new Set(after)], () => register(ring, buffers, source));
}

function register(ring: RingRestore, buffers: readonly Slot[], source: number | undefined): void {
  const task = ring.user;
  const problem = cloneProblem(ring.world.state.rings, ring.index);
  if (problem) ring.refuse(49, problem);
  if (source === undefined) {
    const direct = buffers.map((buffer) => (buffer && isPlain(buffer) ? buffer : undefined));
    withAllWritable(ring, task, direct, () => create(ring, task, direct));
    for (const [slot, buffer] of buffers.entries())
      if (buffer && !isPlain(buffer)) fill(ring, task, slot, buffer);
    return;
  }
  clone(ring, task, source);
  const theirs = ring.world.state.rings[source]?.buffers ?? [];
  for (const [slot, buffer] of buffers.entries()) {
    if (buffer?.cloneOf) continue;
    if (buffer) fill(ring, task, slot, buffer);
    else if (theirs[slot]) update(ring, task, slot, undefined);
  }
}

function isPlain({ lost }: BufferState): boolean {
  return lost.size === 0;
}

/** A slot that needs its pages put in place first. */
function fill(ring: RingRestore, task: Task, slot: number, buffer: BufferState): void {
  withLostPages(ring, task, buffer, () =>
    withAllWritable(ring, task, [buffer], () => update(ring, task, slot, buffer)),
  );
}

function clone(ring: RingRestore, task: Task, source: number): void {
  const { world } = ring;
  const file = world.state.rings[source]?.file ?? -1;
  world.withFile(task, file, (fd) => {
    const argument = record([fd, 0], [0n, 0n, 0n]);
    ring.register(task, RegisterOp.CloneBuffers, 'CLONE_BUFFERS', argument, 1, `of ${fd}`);
  });
}

function create(ring: RingRestore, task: Task, buffers: readonly Slot[]): void {
  const { versionCode } = ring.world.calls.machine.profile.dialect;
  const count = buffers.length;
  const tags = BigUint64Array.from(buffers, (buffer) => buffer?.tag ?? 0n);
  const ranges = iovecs(ring, buffers);
  if (buffers.every((buffer) => !buffer) && versionCode >= SPARSE_VERSION) {
    const argument = record([count, RSRC_REGISTER_SPARSE], [0n, 0n, 0n]);
    ring.register(task, RegisterOp.Buffers2, 'BUFFERS2', argument, UserSize.RsrcRegister, `${count} empty`);
  } else if (tags.every((tag) => tag === 0n)) {
    ring.register(task, RegisterOp.Buffers, 'BUFFERS', ranges, count, describe(buffers));
  } else {
    withArrays(ring, task, ranges, tags, (data, at) => {
      const argument = record([count, 0], [0n, data, at]);
      ring.register(
        task,
        RegisterOp.Buffers2,
        'BUFFERS2',
        argument,
        UserSize.RsrcRegister,
        `${describe(buffers)} with tags`,
      );
    });
  }
}

function update(ring: RingRestore, task: Task, slot: number, buffer: Slot): void {
  withArrays(ring, task, iovecs(ring, [buffer]), BigUint64Array.of(buffer?.tag ?? 0n), (data, at) => {
    const argument = record([slot, 0], [data, at, 1n]);
    ring.register(
      task,
      RegisterOp.BuffersUpdate,
      'BUFFERS_UPDATE',
      argument,
      UserSize.RsrcUpdate2,
      `at ${slot} ${describe([buffer])}`,
    );
  });
}

/** Buffers may stand in memory that was sealed after they were registered. */
function withAllWritable(ring: RingRestore, task: Task, buffers: readonly Slot[], use: () => void): void {
  const [first, ...rest] = buffers;
  if (buffers.length === 0) use();
  else if (!first) withAllWritable(ring, task, rest, use);
  else {
    const { start, end } = pagesOf(first);
    withWriting(ring.world, task, start, end, () => withAllWritable(ring, task, rest, use));
  }
}

/** Addresses of a buffer's first page and behind its last. */
export function pagesOf({ address, length }: BufferState): { start: number; end: number } {
  const start = Math.floor(Number(address) / PAGE) * PAGE;
  return { start, end: Math.ceil((Number(address) + length) / PAGE) * PAGE };
}

function iovecs(ring: RingRestore, buffers: readonly Slot[]): Uint8Array {
  const words = buffers.flatMap((buffer) => (buffer ? [buffer.address, BigInt(buffer.length)] : [0n, 0n]));
  if (!ring.state.setup.compat) return new Uint8Array(BigUint64Array.from(words).buffer);
  if (words.some((word) => word > MAX_U32))
    ring.refuse(42, 'its buffers are out of reach for 32-bit addresses');
  return new Uint8Array(Uint32Array.from(words, Number).buffer);
}

function describe(buffers: readonly Slot[]): string {
  return `[${buffers.map((buffer) => (buffer ? `0x${buffer.address.toString(16)}+${buffer.length}` : 'none')).join(' ')}]`;
}

function withArrays(
  ring: RingRestore,
  task: Task,
  ranges: Uint8Array,
  tags: BigUint64Array,
  use: (data: bigint, tags: bigint) => void,
): void {
  const bytes = concat(ranges, new Uint8Array(tags.buffer));
  ring.world.withScratch(task, bytes, (address) => use(BigInt(address), BigInt(address + ranges.length)));
}
