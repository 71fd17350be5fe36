/** The Internet checksum (RFC 1071, RFC 1624) over 16-bit words as they lie in memory. */

/** Ones' complement sum of two 32-bit values. */
export function addSums(a: number, b: number): number {
  const sum = (a >>> 0) + (b >>> 0);
  return (sum % 0x1_0000_0000) + (sum >= 0x1_0000_0000 ? 1 : 0);
}

/** The 16-bit checksum of a 32-bit sum. */
export function foldSum(sum: number): number {
  const once = (sum >>> 16) + (sum & 0xffff);
  return ~((once & 0xffff) + (once >>> 16)) & 0xffff;
}

/** A checksum after `diff` was added to what it covers. */
export function replaceByDifference(checksum: number, diff: number): number {
  return foldSum(addSums(diff, ~checksum & 0xffff));
}

/** A checksum after 32 bits of what it covers have changed. */
export function replace32(checksum: number, from: number, to: number): number {
  return foldSum(addSums(addSums(~checksum & 0xffff, ~from >>> 0), to));
}

/** A checksum after 16 bits of what it covers have changed. */
export function replace16(checksum: number, from: number, to: number): number {
  const without = add16(~checksum & 0xffff, ~from & 0xffff);
  return ~add16(without, to & 0xffff) & 0xffff;
}

function add16(a: number, b: number): number {
  const sum = a + b;
  return (sum & 0xffff) + (sum >>> 16);
}
