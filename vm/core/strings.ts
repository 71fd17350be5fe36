/** bpf_strtol, bpf_strtoul, bpf_strncmp, bpf_csum_diff. */
import { Errno } from '../../bpf/errno.ts';
import { isDigit, isSpace, toLower } from './ctype.ts';

/** Low bits of the flags: the base. */
const BASE_MASK: u64 = 0x1f;
/** Bytes of a number, after blanks and sign, that are looked at. */
const LONGEST: u32 = 63;

/** The number that `parseNumber` read, and whether a minus stood in front. */
let magnitude: u64 = 0;
let negative: bool = false;

/** bpf_strtol: characters used, -EINVAL (flags, no digits), -ERANGE; the value goes to `result`. */
export function stringToLong(text: u32, length: u32, flags: u64, result: u32): i64 {
  const used = parseNumber(text, length, flags);
  if (used < 0) return used;
  const value = negative ? 0 - magnitude : magnitude;
  if (negative ? <i64>value > 0 : <i64>value < 0) return -Errno.ERANGE;
  store<u64>(result, value);
  return used;
}

/** bpf_strtoul: as bpf_strtol; -EINVAL for a negative number. */
export function stringToUnsignedLong(text: u32, length: u32, flags: u64, result: u32): i64 {
  const used = parseNumber(text, length, flags);
  if (used < 0) return used;
  if (negative) return -Errno.EINVAL;
  store<u64>(result, magnitude);
  return used;
}

/** bpf_strncmp: -1, 0 or 1, over at most `length` bytes of two NUL-terminated strings. */
export function compareStrings(one: u32, length: u32, other: u32): i64 {
  for (let i: u32 = 0; i < length; i++) {
    const a = load<u8>(one + i);
    const b = load<u8>(other + i);
    if (a !== b) return a < b ? -1 : 1;
    if (a === 0) return 0;
  }
  return 0;
}

/**
 * bpf_csum_diff: one's complement sum of `to` minus `from` on top of a seed, in 32 bits.
 * @returns -EINVAL when a length is no multiple of 4 or both exceed 512 bytes together
 */
export function checksumDifference(from: u32, fromLength: u32, to: u32, toLength: u32, seed: u32): i64 {
  if (((fromLength | toLength) & 3) !== 0 || <u64>fromLength + toLength > 512) return -Errno.EINVAL;
  let sum: u64 = seed;
  for (let at: u32 = 0; at < fromLength; at += 4) {
    const complement: u32 = ~load<u32>(from + at);
    sum += complement;
  }
  for (let at: u32 = 0; at < toLength; at += 4) sum += load<u32>(to + at);
  sum = (sum & 0xffff_ffff) + (sum >> 32);
  sum = (sum & 0xffff_ffff) + (sum >> 32);
  return <i64>sum;
}

/** Characters of blanks, sign, prefix and digits together, or a negative errno. */
function parseNumber(text: u32, length: u32, flags: u64): i32 {
  let base = <u32>(flags & BASE_MASK);
  if ((flags & ~BASE_MASK) !== 0 || length === 0) return -Errno.EINVAL;
  if (base !== 0 && base !== 8 && base !== 10 && base !== 16) return -Errno.EINVAL;
  let at = text;
  let end = text + length;
  while (at < end && isSpace(load<u8>(at))) at++;
  negative = at < end && load<u8>(at) === 0x2d;
  if (negative) at++;
  if (at === end) return -Errno.EINVAL;
  end = min<u32>(end, at + LONGEST);
  if (base === 0)
    base = isHexPrefix(at, end) && hexDigit(at + 2, end) ? 16 : byteAt(at, end) === 0x30 ? 8 : 10;
  if (base === 16 && isHexPrefix(at, end)) at += 2;
  return parseDigits(text, at, end, base);
}

function parseDigits(text: u32, at: u32, end: u32, base: u32): i32 {
  const first = at;
  let overflow = false;
  magnitude = 0;
  for (; at < end; at++) {
    const digit = digitOf(load<u8>(at));
    if (digit >= base) break;
    if (magnitude > (u64.MAX_VALUE - digit) / base) overflow = true;
    magnitude = magnitude * base + digit;
  }
  if (overflow) return -Errno.ERANGE;
  return at === first ? -Errno.EINVAL : <i32>(at - text);
}

function digitOf(c: u8): u32 {
  if (isDigit(c)) return c - 0x30;
  const letter = toLower(c);
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 99;
}

function byteAt(at: u32, end: u32): u8 {
  return at < end ? load<u8>(at) : 0;
}

function isHexPrefix(at: u32, end: u32): bool {
  return byteAt(at, end) === 0x30 && toLower(byteAt(at + 1, end)) === 0x78;
}

function hexDigit(at: u32, end: u32): bool {
  return digitOf(byteAt(at, end)) < 16;
}
