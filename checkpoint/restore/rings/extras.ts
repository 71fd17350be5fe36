/**
 * Completions that no submission of the ring stands behind: messages of another ring, or the tags of registered
 * resources that are removed. Each counts as an extra one (`cq_extra`).
 */
import { ioUringEnter } from '../../../kernel-model/io-uring/enter.ts';
import { ioUringSetup } from '../../../kernel-model/io-uring/setup.ts';
import { encodeSqe } from '../../../kernel-model/io-uring/sqe.ts';
import { MsgFlag, RegisterOp, SubmitOp, UserSize } from '../../../kernel-model/io-uring/uapi.ts';
import { MapFlag } from '../../../kernel-model/memory-syscalls.ts';
import { Prot } from '../../../kernel-model/vma.ts';
import { withMemfd } from './helper-files.ts';
import { ANY_EXTRA, type Extra, wayOf } from './overflow-ways.ts';
import type { RingRestore } from './ring.ts';
import { collect, collects } from './submit.ts';

/** Resources that carry tags at a time. */
const TAGS = 64;
/** Entries of the ring that sends messages. */
const SENDER_ENTRIES = 64;

/** Posts so many whose content does not matter, into exactly as much room. */
export function postAny(ring: RingRestore, count: number): void {
  const way = wayOf(ring, ANY_EXTRA);
  if (count === 0 || !way) return;
  const batch = Math.min(way === 'tag' ? TAGS : SENDER_ENTRIES, ring.queues.cqEntries);
  for (let done = 0; done < count; done += batch) {
    const size = Math.min(batch, count - done);
    const first = ring.queues.get('cq.tail');
    ring.queues.setRoom(size);
    postExtras(ring, new Array<Extra>(size).fill(ANY_EXTRA));
    const posted = (ring.queues.get('cq.tail') - first) >>> 0;
    if (posted !== size) ring.refuse(27, `${posted} of ${size} completions arrive`);
  }
}

/** Posts them in order, all in the same way. */
export function postExtras(ring: RingRestore, extras: readonly Extra[]): void {
  const [first] = extras;
  if (!first) return;
  const way = wayOf(ring, first);
  for (let at = 0; at < extras.length; ) {
    const size = way === 'tag' ? TAGS : SENDER_ENTRIES;
    const part = extras.slice(at, at + size);
    if (way === 'tag') postTags(ring, part);
    else sendMessages(ring, part);
    ring.extra += part.length;
    at += size;
  }
}

function sendMessages(ring: RingRestore, extras: readonly Extra[]): void {
  const { world } = ring;
  const { calls } = world;
  const { restorer, machine } = calls;
  const made = ioUringSetup(machine, restorer, SENDER_ENTRIES, {});
  const sender = calls.done(
    restorer,
    'io_uring_setup',
    [SENDER_ENTRIES],
    typeof made === 'number' ? made : made.fd,
  );
  if (typeof made === 'number') return;
  try {
    const { offsets } = made;
    const size = offsets.sq.array + 4 * SENDER_ENTRIES;
    withMapping(ring, sender, size, 0, (rings) =>
      withMapping(ring, sender, UserSize.Sqe * SENDER_ENTRIES, 0x1000_0000, (sqes) => {
        const { restorer: own } = calls;
        ring.withFd(own, (target) => {
          for (const [i, { userData, result, flags }] of extras.entries()) {
            const entry = encodeSqe({
              opcode: SubmitOp.MsgRing,
              fd: target,
              offset: userData,
              length: result >>> 0,
              opFlags: flags === 0 ? 0 : MsgFlag.FlagsPass,
              fileIndex: flags,
            });
            own.mm?.memory.write(sqes + UserSize.Sqe * i, entry);
            own.mm?.memory.write(rings + offsets.sq.array + 4 * i, word(i));
          }
          own.mm?.memory.write(rings + offsets.sq.tail, word(extras.length));
          const done = ioUringEnter(machine, own, sender, extras.length, 0, 0);
          if (typeof done !== 'number') return calls.fail('a message to the ring waits');
          calls.done(own, 'io_uring_enter', [sender, `${extras.length} MSG_RING`, 0], done);
          if (done !== extras.length) ring.refuse(27, `it takes ${done} of ${extras.length} messages`);
        });
      }),
    );
  } finally {
    world.close(restorer, sender);
  }
  if (collects(ring)) collect(ring, ring.issuer);
}

/** A table that is not in use for the moment lends its slots. */
function postTags(ring: RingRestore, extras: readonly Extra[]): void {
  const count = extras.length;
  const tags = new Uint8Array(BigUint64Array.from(extras, ({ userData }) => userData).buffer);
  const { world } = ring;
  const task = world.calls.restorer;
  withMemfd(ring, 1, (fd) => {
    const [taken, empty] = [new Int32Array(count).fill(fd), new Int32Array(count).fill(-1)].map(
      (numbers) => new Uint8Array(numbers.buffer),
    ) as [Uint8Array, Uint8Array];
    const withArray = (bytes: Uint8Array, use: (address: number) => void) =>
      world.withScratch(task, bytes, use);
    withArray(empty, (data) =>
      ring.register(
        task,
        RegisterOp.Files2,
        'FILES2',
        record([count, 0], [0n, BigInt(data), 0n]),
        UserSize.RsrcRegister,
        `${count} empty`,
      ),
    );
    const update = (bytes: Uint8Array, tagged: boolean) =>
      withArray(concat(pad(bytes), tags), (data) => {
        const at = tagged ? BigInt(data + pad(bytes).length) : 0n;
        const argument = record([0, 0], [BigInt(data), at, BigInt(count)]);
        ring.register(
          task,
          RegisterOp.FilesUpdate2,
          'FILES_UPDATE2',
          argument,
          UserSize.RsrcUpdate2,
          `${count} ${tagged ? 'tagged' : 'removed'}`,
        );
      });
    update(taken, true);
    update(empty, false);
    ring.register(task, RegisterOp.UnregisterFiles, 'UNREGISTER_FILES', 0n, 0);
  });
}

function withMapping(
  ring: RingRestore,
  fd: number,
  size: number,
  offset: number,
  use: (address: number) => void,
): void {
  const { calls } = ring.world;
  const { restorer, machine } = calls;
  const address = machine.sys.mmap(restorer, 0, size, Prot.Read | Prot.Write, MapFlag.Shared, fd, offset);
  calls.done(
    restorer,
    'mmap',
    [0, size, 'PROT_READ|PROT_WRITE', 'MAP_SHARED', fd, `0x${offset.toString(16)}`],
    address,
  );
  try {
    use(address);
  } finally {
    calls.done(
      restorer,
      'munmap',
      [`0x${address.toString(16)}`, size],
      machine.sys.munmap(restorer, address, size),
    );
  }
}

function word(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** A record of 32-bit words and 64-bit ones behind them. */
export function record(words: readonly number[], longs: readonly bigint[]): Uint8Array {
  return concat(
    new Uint8Array(Uint32Array.from(words).buffer),
    new Uint8Array(BigUint64Array.from(longs).buffer),
  );
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
  padded.set(bytes);
  return padded;
}
