/**
 * Requests that wait for a file, by the hash of their user data: where cancellations look for them. Kernels from 6.0
 * on have a second table for those that are only touched with `uring_lock` held.
 */
import { hlistAddHead, hlistDel } from '../list.ts';
import { setLowPointer } from '../words.ts';
import type { ArmedPoll } from './armed-poll.ts';
import type { Request } from './request.ts';
import type { IoUring } from './ring.ts';

export type TableName = 'shared' | 'locked';

/** Multiplier of the kernel's hash of a 64-bit word: 2^64 divided by the golden ratio squared. */
const HASH_MULTIPLIER = 0x61c8_8646_80b5_83ebn;
/** Bits of the hash: those of the completion queue's size, less these. */
const LESS_BITS = 5;
const MAX_BITS = 8;
/** 5.16 has no limit. */
const LIMIT_VERSION = 0x6_0000;

interface Table {
  /** Linear offset of the buckets, and bytes of them. */
  readonly offset: number;
  readonly size: number;
  /** The newest first, as the chains have them. */
  readonly buckets: ArmedPoll[][];
}

export class CancelTable {
  private readonly ring: IoUring;
  private readonly bits: number;
  private readonly bucketSize: number;
  private readonly listAt: number;
  private readonly tables: { readonly [name in TableName]: Table };

  constructor(ring: IoUring) {
    this.ring = ring;
    const { profile } = ring.machine;
    const bits = Math.max(1, Math.log2(ring.memory.cqEntries) - LESS_BITS);
    this.bits = profile.dialect.versionCode < LIMIT_VERSION ? bits : Math.min(bits, MAX_BITS);
    const bucket = profile.findLayout('io_hash_bucket');
    this.bucketSize = bucket?.size ?? 8;
    this.listAt = bucket?.offset('list') ?? 0;
    const shared = this.makeTable();
    this.tables = { shared, locked: ring.ctx.has('cancel_table_locked') ? this.makeTable() : shared };
    this.publish();
  }

  /** Waiting requests, table by table and bucket by bucket. */
  *[Symbol.iterator](): Generator<ArmedPoll> {
    const { shared, locked } = this.tables;
    for (const table of shared === locked ? [shared] : [shared, locked]) {
      for (const bucket of table.buckets) yield* [...bucket];
    }
  }

  add(poll: ArmedPoll): void {
    const { request } = poll;
    const table = this.tables[poll.table];
    const index = this.hash(request.userData);
    table.buckets[index]?.unshift(poll);
    hlistAddHead(
      this.ring.machine.ram,
      request.record.addressOf('hash_node'),
      this.headAddress(table, index),
    );
  }

  remove(poll: ArmedPoll): void {
    for (const bucket of this.tables[poll.table].buckets) {
      const index = bucket.indexOf(poll);
      if (index < 0) continue;
      bucket.splice(index, 1);
      hlistDel(this.ring.machine.ram, poll.request.record.addressOf('hash_node'));
      return;
    }
  }

  find(matches: (request: Request) => boolean): ArmedPoll | undefined {
    for (const poll of this) if (matches(poll.request)) return poll;
    return undefined;
  }

  /** Ends the waiting of a request, if it waits. */
  disarm(request: Request): void {
    this.find((other) => other === request)?.disarm();
  }

  release(): void {
    const { heap } = this.ring.machine;
    const { shared, locked } = this.tables;
    heap.freeBytes(shared.offset, shared.size);
    if (locked !== shared) heap.freeBytes(locked.offset, locked.size);
  }

  private makeTable(): Table {
    const count = 2 ** this.bits;
    const size = this.bucketSize * count;
    const offset = this.ring.machine.heap.allocateBytes(size, 64);
    return { offset, size, buckets: Array.from({ length: count }, () => []) };
  }

  private publish(): void {
    const { ctx, machine } = this.ring;
    const view = machine.ram.view;
    const point = (path: string, table: Table) => {
      setLowPointer(view, ctx.offset + ctx.layout.offset(path), table.offset);
    };
    if (ctx.has('cancel_hash')) {
      point('cancel_hash', this.tables.shared);
      ctx.set('cancel_hash_bits', this.bits);
      return;
    }
    for (const [name, table] of [
      ['cancel_table', this.tables.shared],
      ['cancel_table_locked', this.tables.locked],
    ] as const) {
      point(`${name}.hbs`, table);
      ctx.set(`${name}.hash_bits`, this.bits);
    }
  }

  private headAddress(table: Table, index: number): bigint {
    return this.ring.machine.heap.addressOf(table.offset + this.bucketSize * index + this.listAt);
  }

  private hash(userData: bigint): number {
    return Number(BigInt.asUintN(64, userData * HASH_MULTIPLIER) >> BigInt(64 - this.bits));
  }
}
