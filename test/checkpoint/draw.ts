/** Values drawn one by one, so that later ones can depend on earlier ones. */
import fc, { type Arbitrary } from 'fast-check';

export interface Draw {
  of<T>(arbitrary: Arbitrary<T>): T;
  /** 0 up to and with the maximum. */
  count(max: number): number;
  one<T>(list: readonly T[]): T;
}

const U32 = fc.oneof(fc.nat({ max: 300 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
const U64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 300n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.constant(2n ** 64n - 1n),
);
const TEXT = fc.string({ unit: 'grapheme', maxLength: 12 });
const BYTES = fc.uint8Array({ maxLength: 40 });

export const flag = (draw: Draw): boolean => draw.count(1) === 1;
export const u16 = (draw: Draw): number => draw.count(0xffff);
export const u32 = (draw: Draw): number => draw.of(U32);
export const u64 = (draw: Draw): bigint => draw.of(U64);
export const text = (draw: Draw): string => draw.of(TEXT);
export const bytes = (draw: Draw): Uint8Array => Uint8Array.from(draw.of(BYTES));

export function maybe<T>(draw: Draw, make: () => T): T | undefined {
  return flag(draw) ? make() : undefined;
}

/** A page with little in it. */
export function page(draw: Draw): Uint8Array {
  const filled = new Uint8Array(4096);
  filled.set(bytes(draw), draw.count(4000));
  return filled;
}

/** Bytes of a size, the same over and over. */
export function filled(draw: Draw, length: number): Uint8Array {
  const pattern = bytes(draw);
  return Uint8Array.from({ length }, (_, index) => pattern[index % Math.max(1, pattern.length)] ?? 0);
}
