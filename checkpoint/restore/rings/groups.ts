/** Groups of provided buffers: rings are registered, lists are provided by submissions; heads advance by reading. */

import type { SqeFields } from '../../../kernel-model/io-uring/sqe.ts';
import { RegisterOp, SqeFlag, SubmitOp } from '../../../kernel-model/io-uring/uapi.ts';
import { MapFlag } from '../../../kernel-model/memory-syscalls.ts';
import { Prot } from '../../../kernel-model/vma.ts';
import type { BufferGroup } from '../../state.ts';
import { hex } from '../calls.ts';
import { mmNode } from '../memory.ts';
import { withWriting } from './address-space.ts';
import { record } from './extras.ts';
import { withSource } from './helper-files.ts';
import type { RingOnKernel } from './on-kernel.ts';
import { type RingRestore, ringNode } from './ring.ts';
import { checkResults, type Submission, submit } from './submit.ts';

type RingGroup = Extract<BufferGroup, { kind: 'ring' }>;
type ListGroup = Extract<BufferGroup, { kind: 'list' }>;

const BUF_SIZE = 16;
const TAIL_AT = 14;
/** IOU_PBUF_RING_* */
const MMAP = 1;
const INCREMENTAL = 2;
const MAP_GROUP = 0x8000_0000;
const GROUP_SHIFT = 16;

/** Rings of buffers, which stand in the process's memory, or in the kernel's. */
export function addGroups(ring: RingRestore): void {
  const groups = ring.state.groups.filter((group) => group.kind === 'ring');
  if (groups.length === 0) return;
  const { world, index, state } = ring;
  const after = [ringNode(index, 'setup')];
  if (state.mm !== undefined) after.push(mmNode(state.mm));
  world.graph.add(ringNode(index, 'groups'), after, () => {
    for (const group of groups) registerGroup(ring, group);
  });
}

function registerGroup(ring: RingRestore, group: RingGroup): void {
  const flags = (group.address === undefined ? MMAP : 0) | (group.incremental ? INCREMENTAL : 0);
  const argument = record([0, 0, group.entries, group.id | (flags << 16), group.minLeft, 0], [0n, 0n]);
  new DataView(argument.buffer).setBigUint64(0, BigInt(group.address ?? 0), true);
  const where = group.address === undefined ? 'in the kernel' : hex(group.address);
  const what = `group ${group.id}, ${group.entries} entries ${where}`;
  whileWritable(ring, group, () =>
    ring.register(ring.user, RegisterOp.PbufRing, 'PBUF_RING', argument, 1, what),
  );
}

/** It may stand in memory that was sealed later on. */
function whileWritable(ring: RingRestore, { address, entries }: RingGroup, use: () => void): void {
  if (address === undefined) use();
  else withWriting(ring.world, ring.user, address, address + BUF_SIZE * entries, use);
}

/** Submissions that all groups need, before the counters are brought to where they were. */
export function fillGroups(ring: RingRestore): void {
  let silent = silentProvisions(ring);
  for (const group of ring.state.groups) {
    if (group.kind === 'ring') advance(ring, group);
    else silent -= provide(ring, group, silent);
  }
}

/** What filling the groups adds to the counters. */
export function groupSteps(ring: RingOnKernel): { submitted: number; completed: number } {
  const { groups } = ring.state;
  const taken = groups.reduce((sum, group) => sum + (group.kind === 'ring' ? group.head : 0), 0);
  const submitted = taken + provisionsOf(groups).length;
  return { submitted, completed: submitted - silentProvisions(ring) };
}

/** How many submissions can only have been silent ones: those that provide buffers may be among them. */
function silentProvisions({ state: { queues, requests, groups, restrictions } }: RingOnKernel): number {
  const allowed = !restrictions || (restrictions.flagsAllowed & SqeFlag.CqeSkipSuccess) !== 0;
  if (!queues.drainDisabled || !allowed) return 0;
  const pending = requests.reduce((count, { chain }) => count + 1 + chain.length, 0);
  const silent = (queues.sqHead + queues.extra - queues.cqTail - queues.overflow.length - pending) | 0;
  return Math.max(0, Math.min(silent, provisionsOf(groups).length));
}

function provisionsOf(groups: readonly BufferGroup[]): SqeFields[] {
  return groups.flatMap((group) => (group.kind === 'list' ? provisions(group) : []));
}

/** @param silent so many of the entries at most complete without a word. @returns how many do */
function provide(ring: RingRestore, group: ListGroup, silent: number): number {
  const entries = provisions(group);
  const quiet = entries.slice(0, silent).map((entry) => ({ ...entry, flags: SqeFlag.CqeSkipSuccess }));
  for (const part of parts(ring, quiet)) submit(ring, ring.issuer, { entries: part, completions: 0 });
  for (const part of parts(ring, entries.slice(quiet.length)))
    checkResults(
      ring,
      66,
      `providing buffers of group ${group.id}`,
      submit(ring, ring.issuer, { entries: part, completions: part.length }),
    );
  return quiet.length;
}

/** One entry for each run of buffers that follow each other. */
function provisions({ id, buffers }: ListGroup): SqeFields[] {
  const entries: SqeFields[] = [];
  for (let at = 0; at < buffers.length; ) {
    const first = buffers[at] as ListGroup['buffers'][number];
    let count = 1;
    while (follows(first, buffers[at + count], count)) count++;
    entries.push({
      opcode: SubmitOp.ProvideBuffers,
      fd: count,
      address: first.address,
      length: first.length,
      offset: BigInt(first.id),
      buffer: id,
    });
    at += count;
  }
  return entries;
}

function follows(
  first: ListGroup['buffers'][number],
  next: ListGroup['buffers'][number] | undefined,
  count: number,
): boolean {
  return (
    next !== undefined &&
    next.length === first.length &&
    next.id === first.id + count &&
    next.address === first.address + BigInt(first.length) * BigInt(count)
  );
}

/** So many reads take a buffer each, out of entries that stand there for as long; then comes what was there. */
function advance(ring: RingRestore, group: RingGroup): void {
  withGroupMemory(ring, group, (write, before) => {
    if (group.head > 0) {
      withSource(ring, ring.executor, (fd, memory) => {
        const entry = {
          opcode: SubmitOp.Read,
          fd,
          length: 1,
          flags: SqeFlag.BufferSelect,
          buffer: group.id,
        };
        // Each entry is there once: a buffer that is used bit by bit is empty then.
        for (const part of parts(ring, new Array<Submission>(group.head).fill(entry), group.entries)) {
          write(filled(group, memory));
          checkResults(
            ring,
            68,
            `taking a buffer of group ${group.id}`,
            submit(ring, ring.issuer, { entries: part, completions: part.length }),
          );
        }
      });
    }
    write(group.content ?? before);
  });
}

/** Entries of one byte each, as many as are to be taken. */
function filled({ entries, head }: RingGroup, memory: bigint): Uint8Array {
  const bytes = new Uint8Array(BUF_SIZE * entries);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < entries; i++) {
    view.setBigUint64(BUF_SIZE * i, memory, true);
    view.setUint32(BUF_SIZE * i + 8, 1, true);
  }
  view.setUint16(TAIL_AT, head, true);
  return bytes;
}

function parts(ring: RingRestore, entries: readonly Submission[], most = entries.length): Submission[][] {
  const size = Math.min(ring.queues.sqEntries, ring.queues.cqEntries, most);
  const result: Submission[][] = [];
  for (let at = 0; at < entries.length; at += size) result.push(entries.slice(at, at + size));
  return result;
}

function withGroupMemory(
  ring: RingRestore,
  group: RingGroup,
  use: (write: (bytes: Uint8Array) => void, before: Uint8Array) => void,
): void {
  const { world } = ring;
  const { calls } = world;
  const { restorer, machine } = calls;
  const bytes = BUF_SIZE * group.entries;
  if (group.address !== undefined) {
    const { address } = group;
    const { pid } = ring.user;
    const write = (content: Uint8Array) => world.writeMemory(pid, address, content);
    if (group.head > 0) whileWritable(ring, group, () => use(write, world.readMemory(pid, address, bytes)));
    return;
  }
  const size = Math.ceil(bytes / 4096) * 4096;
  const offset = MAP_GROUP + group.id * 2 ** GROUP_SHIFT;
  const address = ring.withFd(restorer, (fd) => {
    const result = machine.sys.mmap(restorer, 0, size, Prot.Read | Prot.Write, MapFlag.Shared, fd, offset);
    return calls.done(
      restorer,
      'mmap',
      [0, size, 'PROT_READ|PROT_WRITE', 'MAP_SHARED', fd, hex(offset)],
      result,
    );
  });
  const write = (content: Uint8Array) => {
    if (!restorer.mm?.memory.write(address, content)) calls.fail(`group ${group.id} cannot be written`);
  };
  use(write, new Uint8Array(bytes));
  calls.done(restorer, 'munmap', [hex(address), size], machine.sys.munmap(restorer, address, size));
}
