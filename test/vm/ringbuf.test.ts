import { describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import type { VmMap } from '../../vm/maps.ts';
import { Rig, u64 } from './helper-rig.ts';

const OUTPUT = 130;
const RESERVE = 131;
const SUBMIT = 132;
const DISCARD = 133;
const QUERY = 134;
const RESERVE_DYNPTR = 198;
const SUBMIT_DYNPTR = 199;
const DYNPTR_WRITE = 202;
const EINVAL = -22n;
const EAGAIN = -11n;

const rig = await Rig.create();
const ring = (maxEntries = 4096) => rig.map({ type: 27, keySize: 0, valueSize: 0, maxEntries });
const text = (samples: Uint8Array[]) => samples.map((sample) => new TextDecoder().decode(sample));
const query = (map: VmMap, what: number) => rig.call(QUERY, map.address, what);

describe('ring buffer', () => {
  it('carries samples from reserve to submit', () => {
    const map = ring();
    const sample = rig.pointer(RESERVE, map.address, 5, 0);
    rig.vm.ram.write(sample, new TextEncoder().encode('hello'));
    expect(map.consume()).toEqual([]);
    rig.call(SUBMIT, sample, 0);
    expect(text(map.consume())).toEqual(['hello']);
    expect(map.consume()).toEqual([]);
  });

  it('copies what bpf_ringbuf_output is given', () => {
    const map = ring();
    expect(rig.call(OUTPUT, map.address, rig.put('one'), 3, 0)).toBe(0n);
    expect(rig.call(OUTPUT, map.address, rig.put('two'), 3, 1)).toBe(0n);
    expect(rig.call(OUTPUT, map.address, rig.put('no'), 2, 4)).toBe(EINVAL);
    expect(text(map.consume())).toEqual(['one', 'two']);
  });

  it('discarded samples are skipped, busy ones hold back what follows', () => {
    const map = ring();
    const [first, second, third] = [1, 2, 3].map(() => rig.pointer(RESERVE, map.address, 8, 0));
    rig.vm.ram.write(third as bigint, u64(3));
    rig.call(SUBMIT, third as bigint, 0);
    rig.call(DISCARD, second as bigint, 0);
    expect(map.consume()).toEqual([]);
    rig.call(DISCARD, first as bigint, 0);
    expect(map.consume()).toEqual([u64(3)]);
  });

  it('answers queries', () => {
    const map = ring();
    rig.call(OUTPUT, map.address, rig.put('12345'), 5, 0);
    expect([0, 1, 2, 3, 4].map((what) => query(map, what))).toEqual([16n, 4096n, 0n, 16n, 0n]);
    map.consume();
    expect([0, 1, 2, 3].map((what) => query(map, what))).toEqual([0n, 4096n, 16n, 16n]);
  });

  it('holds one byte less than its size', () => {
    const map = ring();
    expect(rig.pointer(RESERVE, map.address, 4096 - 8, 0)).toBe(0n);
    expect(rig.pointer(RESERVE, map.address, 4096 - 16, 0)).not.toBe(0n);
    expect(rig.pointer(RESERVE, map.address, 0, 0)).toBe(0n);
    expect(rig.call(OUTPUT, map.address, rig.put('x'), 1, 0)).toBe(EAGAIN);
  });

  it('refuses flags and sizes that no ring has', () => {
    const map = ring();
    expect(rig.pointer(RESERVE, map.address, 8, 1)).toBe(0n);
    expect(rig.pointer(RESERVE, map.address, 4097, 0)).toBe(0n);
    expect(rig.pointer(RESERVE, map.address, 0x4000_0000, 0)).toBe(0n);
    expect(rig.pointer(RESERVE, map.address, 2n ** 64n - 1n, 0)).toBe(0n);
  });

  it('wraps: samples across the end are in one piece', () => {
    const map = ring();
    for (let round = 0; round < 200; round++) {
      const bytes = Uint8Array.from({ length: 1000 + (round % 7) }, (_, i) => (round + i) & 0xff);
      expect(rig.call(OUTPUT, map.address, rig.put(bytes), bytes.length, 0)).toBe(0n);
      expect(rig.call(OUTPUT, map.address, rig.put(bytes), bytes.length, 0)).toBe(0n);
      expect(map.consume()).toEqual([bytes, bytes]);
    }
    expect(query(map, 3)).toBeGreaterThan(200n * 2000n);
  });

  it('takes back only samples that it gave', () => {
    const map = ring();
    const sample = rig.pointer(RESERVE, map.address, 8, 0);
    expect(() => rig.call(SUBMIT, sample + 8n, 0)).toThrow('a helper was passed');
    rig.call(SUBMIT, sample, 0);
    expect(() => rig.call(SUBMIT, sample, 0)).toThrow('a helper was passed');
    expect(() => rig.call(SUBMIT, 0, 0)).toThrow('a helper was passed');
  });

  it('works through dynptrs', () => {
    const map = ring();
    const dynptr = rig.alloc(16);
    expect(rig.call(RESERVE_DYNPTR, map.address, 8, 0, dynptr)).toBe(0n);
    expect(rig.call(DYNPTR_WRITE, dynptr, 4, rig.put('abcd'), 4, 0)).toBe(0n);
    rig.call(SUBMIT_DYNPTR, dynptr, 0);
    expect(rig.u64(dynptr)).toBe(0n);
    expect(text(map.consume())).toEqual(['\0\0\0\0abcd']);
    expect(rig.call(RESERVE_DYNPTR, map.address, 5000, 0, dynptr)).toBe(EINVAL);
    expect(rig.u64(dynptr)).toBe(0n);
    rig.call(SUBMIT_DYNPTR, dynptr, 0);
  });
});

describe('user ring buffer', () => {
  const make = () => rig.map({ type: 31, keySize: 0, valueSize: 0, maxEntries: 4096 });
  /** Adds up the u64 of each sample; stops after a sample of 99. */
  const drain = (map: VmMap, flags = 0) => {
    const program = rig.vm.load(
      assemble(`
        r6 = 0
        *(u64 *)(r10 -8) = 0
        r1 = ${map.address} ll
        r2 = subprog[each]
        r3 = r10
        r3 += -8
        r4 = ${flags}
        call bpf_user_ringbuf_drain
        r6 = *(u64 *)(r10 -8)
        exit
      each:
        r6 = r2
        r2 = r1
        r1 = r10
        r1 += -8
        r3 = r2
        r2 = 8
        r4 = 0
        r5 = 0
        call bpf_dynptr_read
        r1 = *(u64 *)(r10 -8)
        r2 = *(u64 *)(r6 +0)
        r2 += r1
        *(u64 *)(r6 +0) = r2
        r0 = 0
        if r1 != 99 goto out
        r0 = 1
      out:
        exit`),
    );
    const { r0, fault } = rig.vm.run(program, 0n);
    expect(fault).toBeNull();
    return { count: BigInt.asIntN(64, r0), sum: rig.vm.registers()[6] };
  };

  it('drains what user space has produced', () => {
    const map = make();
    expect(drain(map)).toEqual({ count: 0n, sum: 0n });
    for (const value of [1, 2, 3]) expect(map.produce(u64(value))).toBe(true);
    expect(drain(map)).toEqual({ count: 3n, sum: 6n });
    expect(drain(map)).toEqual({ count: 0n, sum: 0n });
  });

  it('stops when the callback says so, and keeps the rest', () => {
    const map = make();
    for (const value of [1, 99, 7]) map.produce(u64(value));
    expect(drain(map)).toEqual({ count: 2n, sum: 100n });
    expect(drain(map)).toEqual({ count: 1n, sum: 7n });
  });

  it('refuses unknown flags', () => {
    expect(drain(make(), 4).count).toBe(EINVAL);
  });

  it('is full at some point', () => {
    const map = make();
    let produced = 0;
    while (map.produce(new Uint8Array(504))) produced++;
    expect(produced).toBe(7);
  });
});
