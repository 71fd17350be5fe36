import { describe, expect, it } from 'vitest';
import { VmKfunc } from '../../bpf/vm-call.ts';
import { Rig, u64 } from './helper-rig.ts';

const FROM_MEM = 197;
const READ = 201;
const WRITE = 202;
const DATA = 203;
const E2BIG = -7n;
const EFAULT = -14n;
const EINVAL = -22n;
const ERANGE = -34n;

const rig = await Rig.create();

function dynptr(size: number): { at: bigint; data: bigint } {
  const at = rig.alloc(16);
  const data = rig.put(Uint8Array.from({ length: size }, (_, i) => i));
  expect(rig.call(FROM_MEM, data, size, 0, at)).toBe(0n);
  return { at, data };
}

describe('dynptr', () => {
  it('reads and writes within its bounds', () => {
    const { at, data } = dynptr(16);
    const out = rig.alloc(8);
    expect(rig.call(READ, out, 4, at, 3, 0)).toBe(0n);
    expect(rig.read(out, 4)).toEqual(Uint8Array.of(3, 4, 5, 6));
    expect(rig.call(WRITE, at, 14, rig.put('xy'), 2, 0)).toBe(0n);
    expect(rig.text(data + 14n, 2)).toBe('xy');
    expect(rig.call(READ, out, 4, at, 13, 0)).toBe(E2BIG);
    expect(rig.call(READ, out, 4, at, 0xffff_ffff, 0)).toBe(E2BIG);
    expect(rig.call(WRITE, at, 15, out, 2, 0)).toBe(E2BIG);
    expect(rig.call(READ, out, 4, at, 0, 1)).toBe(EINVAL);
    expect(rig.pointer(DATA, at, 8, 8)).toBe(data + 8n);
    expect(rig.pointer(DATA, at, 8, 9)).toBe(0n);
  });

  it('is null when it could not be made', () => {
    const at = rig.alloc(16);
    expect(rig.call(FROM_MEM, rig.put('x'), 1, 1, at)).toBe(EINVAL);
    expect(rig.call(VmKfunc.DynptrIsNull, at)).toBe(1n);
    expect(rig.call(FROM_MEM, rig.put('x'), 1 << 24, 0, at)).toBe(E2BIG);
    expect(rig.call(READ, at, 1, at, 0, 0)).toBe(EINVAL);
    expect(rig.call(VmKfunc.DynptrSize, at)).toBe(EINVAL);
    expect(rig.call(VmKfunc.DynptrAdjust, at, 0, 0)).toBe(EINVAL);
  });

  it('can be narrowed and cloned', () => {
    const { at, data } = dynptr(16);
    const clone = rig.alloc(16);
    expect(rig.call(VmKfunc.DynptrAdjust, at, 4, 12)).toBe(0n);
    expect(rig.call(VmKfunc.DynptrSize, at)).toBe(8n);
    expect(rig.call(VmKfunc.DynptrAdjust, at, 3, 2)).toBe(EINVAL);
    expect(rig.call(VmKfunc.DynptrAdjust, at, 0, 9)).toBe(ERANGE);
    expect(rig.call(VmKfunc.DynptrClone, at, clone)).toBe(0n);
    expect(rig.pointer(VmKfunc.DynptrSlice, clone, 1, 0, 7)).toBe(data + 5n);
    expect(rig.pointer(VmKfunc.DynptrSliceRdwr, clone, 1, 0, 8)).toBe(0n);
    expect(rig.call(VmKfunc.DynptrIsRdonly, clone)).toBe(0n);
  });
});

describe('bpf_iter_num', () => {
  const all = (start: number, end: number): { error: bigint; numbers: number[] } => {
    const it = rig.alloc(8);
    const error = rig.call(
      VmKfunc.IterNumNew,
      it,
      BigInt.asUintN(64, BigInt(start)),
      BigInt.asUintN(64, BigInt(end)),
    );
    const numbers: number[] = [];
    for (
      let at = rig.pointer(VmKfunc.IterNumNext, it);
      at !== 0n;
      at = rig.pointer(VmKfunc.IterNumNext, it)
    ) {
      numbers.push(rig.u32(at) | 0);
    }
    expect(rig.pointer(VmKfunc.IterNumNext, it)).toBe(0n);
    rig.call(VmKfunc.IterNumDestroy, it);
    return { error, numbers };
  };
  it.each([
    [0, 3, 0n, [0, 1, 2]],
    [5, 5, 0n, []],
    [-2, 1, 0n, [-2, -1, 0]],
    [3, 2, EINVAL, []],
    [0, (8 << 20) + 1, E2BIG, []],
    [2147483646, 2147483647, 0n, [2147483646]],
  ])('[%i, %i): %s', (start, end, error, numbers) => {
    expect(all(start, end)).toEqual({ error, numbers });
  });
});

describe('bpf_iter_bits', () => {
  const bits = (words: bigint, count: number) => {
    const it = rig.alloc(16);
    const error = rig.call(VmKfunc.IterBitsNew, it, words, count);
    const found: number[] = [];
    for (
      let at = rig.pointer(VmKfunc.IterBitsNext, it);
      at !== 0n;
      at = rig.pointer(VmKfunc.IterBitsNext, it)
    ) {
      found.push(rig.u32(at));
    }
    rig.call(VmKfunc.IterBitsDestroy, it);
    return { error, found };
  };
  it('finds the bits that are set', () => {
    expect(bits(rig.put(u64(0x8000_0000_0000_0101n)), 1)).toEqual({ error: 0n, found: [0, 8, 63] });
    expect(bits(rig.put(u64(2, 0, 1)), 3)).toEqual({ error: 0n, found: [1, 128] });
    expect(bits(rig.put(u64(0)), 1)).toEqual({ error: 0n, found: [] });
  });
  it('refuses no words, too many and bad addresses', () => {
    expect(bits(rig.put(u64(1)), 0)).toEqual({ error: EINVAL, found: [] });
    expect(bits(rig.put(u64(1)), 512)).toEqual({ error: E2BIG, found: [] });
    expect(bits(0x10n, 2)).toEqual({ error: EFAULT, found: [] });
  });
});
