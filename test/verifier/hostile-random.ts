/** Choices that are the same on every machine. */

/** Numbers at which sizes, ids and offsets go wrong. */
const EDGES = [
  0, 1, 2, 3, 4, 7, 8, 11, 16, 24, 31, 32, 33, 63, 64, 127, 128, 255, 256, 511, 512, 513, 4095, 4096, 0x7fff,
  0x8000, 0xffff, 0x1_0000, 0xf_ffff, 0x10_0000, 0xff_ffff, 0x1fff_ffff, 0x2000_0000, 0x7fff_fff8,
  0x7fff_ffff, 0x8000_0000, 0xffff_fe00, 0xffff_fff8, 0xffff_ffff,
];

/** xorshift32. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = (Math.imul(seed, 0x9e37_79b9) + 0x7f4a_7c15) >>> 0 || 1;
    for (let i = 0; i < 4; i++) this.below(2);
  }

  /** 0 ≤ n < limit */
  below(limit: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    this.state >>>= 0;
    return this.state % Math.max(limit, 1);
  }

  /** One time in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** A word that is likely to hurt; `near` is what a good one would be. */
  word(near: number): number {
    switch (this.below(4)) {
      case 0:
        return this.pick(EDGES);
      case 1:
        return (near + this.below(17) - 8) >>> 0;
      case 2:
        return (near ^ (1 << this.below(32))) >>> 0;
      default:
        return this.below(0x1_0000_0000);
    }
  }
}

/** A copy with one to three bytes, words or runs of bytes damaged; sometimes cut. */
export function damageBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const result = new Uint8Array(bytes);
  if (result.length < 8) return result;
  const view = new DataView(result.buffer);
  for (let times = 1 + random.below(3); times > 0; times--) {
    const at = random.below(result.length - 7);
    switch (random.below(5)) {
      case 0:
        result[at] = random.below(256);
        break;
      case 1:
        result[at] = (result[at] ?? 0) ^ (1 << random.below(8));
        break;
      case 2:
        view.setUint32(at & ~3, random.word(view.getUint32(at & ~3, true)), true);
        break;
      case 3:
        result.copyWithin(at, random.below(result.length), random.below(result.length));
        break;
      default:
        if (random.once(8)) return result.subarray(0, random.below(result.length));
    }
  }
  return result;
}
