/**
 * XXH64 (xxHash specification, Y. Collet), the checksum at the end of zstd data. Stripes of 32 bytes are
 * hashed in halves of 32 bits, which is some twenty times as fast as BigInt; the rest is done once.
 */

const PRIME1 = 0x9e37_79b1_85eb_ca87n;
const PRIME2 = 0xc2b2_ae3d_27d4_eb4fn;
const PRIME3 = 0x1656_67b1_9e37_79f9n;
const PRIME4 = 0x85eb_ca77_c2b2_ae63n;
const PRIME5 = 0x27d4_eb2f_1656_67c5n;

const PRIME1_LOW = 0x85eb_ca87;
const PRIME1_HIGH = 0x9e37_79b1;
const PRIME2_LOW = 0x27d4_eb4f;
const PRIME2_HIGH = 0xc2b2_ae3d;

const STRIPE = 32;
const LANES = 4;
const MERGE_ROTATIONS = [1n, 7n, 12n, 18n];

/** Hash of the bytes with seed 0. */
export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stripes = Math.floor(bytes.length / STRIPE);
  let hash = stripes > 0 ? merge(hashStripes(view, stripes)) : PRIME5;
  hash = wrap(hash + BigInt(bytes.length));
  let at = stripes * STRIPE;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = wrap(rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * PRIME1 + PRIME4);
  }
  if (at + 4 <= bytes.length) {
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint32(at, true)) * PRIME1), 23n) * PRIME2 + PRIME3);
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = wrap(rotate(hash ^ wrap(BigInt(view.getUint8(at)) * PRIME5), 11n) * PRIME1);
  }
  hash = wrap((hash ^ (hash >> 33n)) * PRIME2);
  hash = wrap((hash ^ (hash >> 29n)) * PRIME3);
  return hash ^ (hash >> 32n);
}

/** The four accumulators after all whole stripes. */
function hashStripes(view: DataView, stripes: number): bigint[] {
  const start = [wrap(PRIME1 + PRIME2), PRIME2, 0n, wrap(-PRIME1)];
  const low = Uint32Array.from(start, (value) => Number(value & 0xffff_ffffn));
  const high = Uint32Array.from(start, (value) => Number(value >> 32n));
  const words = new Int32Array(2);
  for (let at = 0; at < stripes * STRIPE; at += STRIPE) {
    for (let lane = 0; lane < LANES; lane++) {
      multiply(
        view.getInt32(at + 8 * lane, true),
        view.getInt32(at + 8 * lane + 4, true),
        PRIME2_LOW,
        PRIME2_HIGH,
        words,
      );
      const sum = (words[0] as number) + (low[lane] as number);
      // a 32-bit sum that came out smaller than a summand has a carry
      const carry = sum >>> 0 < (low[lane] as number) ? 1 : 0;
      const sumLow = sum | 0;
      const sumHigh = ((words[1] as number) + (high[lane] as number) + carry) | 0;
      const rotatedLow = (sumLow << 31) | (sumHigh >>> 1);
      const rotatedHigh = (sumHigh << 31) | (sumLow >>> 1);
      multiply(rotatedLow, rotatedHigh, PRIME1_LOW, PRIME1_HIGH, words);
      low[lane] = words[0] as number;
      high[lane] = words[1] as number;
    }
  }
  return start.map((_, lane) => (BigInt(high[lane] as number) << 32n) | BigInt(low[lane] as number));
}

/** Low 64 bits of a product, as halves in result[0] (low) and result[1]. */
function multiply(aLow: number, aHigh: number, bLow: number, bHigh: number, result: Int32Array): void {
  const a0 = aLow & 0xffff;
  const a1 = aLow >>> 16;
  const b0 = bLow & 0xffff;
  const b1 = bLow >>> 16;
  const low = a0 * b0;
  const cross1 = a1 * b0 + (low >>> 16);
  const cross2 = a0 * b1 + (cross1 & 0xffff);
  result[0] = (cross2 << 16) | (low & 0xffff);
  const carried = a1 * b1 + Math.floor(cross1 / 0x1_0000) + Math.floor(cross2 / 0x1_0000);
  result[1] = (carried | 0) + Math.imul(aLow, bHigh) + Math.imul(aHigh, bLow);
}

function merge(lanes: readonly bigint[]): bigint {
  let hash = lanes.reduce(
    (sum, lane, index) => wrap(sum + rotate(lane, MERGE_ROTATIONS[index] as bigint)),
    0n,
  );
  for (const lane of lanes) hash = wrap((hash ^ round(0n, lane)) * PRIME1 + PRIME4);
  return hash;
}

function round(accumulator: bigint, input: bigint): bigint {
  return wrap(rotate(wrap(accumulator + input * PRIME2), 31n) * PRIME1);
}

function rotate(value: bigint, bits: bigint): bigint {
  return wrap(value << bits) | (value >> (64n - bits));
}

function wrap(value: bigint): bigint {
  return BigInt.asUintN(64, value);
}
