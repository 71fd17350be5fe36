/** Where formatted text goes, and how Linux's vsnprintf lays numbers, strings and characters out. */

/** Flags and width of one conversion. */
export const enum Pad {
  None = 0,
  Left = 1,
  Plus = 2,
  Space = 4,
  Zero = 8,
}

let start: u32 = 0;
let at: u64 = 0;
let end: u64 = 0;

/** Directs output to [to, to + size). Text that does not fit is counted but not stored. */
export function beginText(to: u32, size: u32): void {
  start = to;
  at = to;
  end = <u64>to + size;
}

/** Ends the text with a NUL, over the last byte if it must; the length it has or would have had. */
export function endText(): u32 {
  if (end > start) store<u8>(<u32>(at < end ? at : end - 1), 0);
  return textLength();
}

export function textLength(): u32 {
  return <u32>(at - start);
}

export function putByte(byte: u8): void {
  if (at < end) store<u8>(<u32>at, byte);
  at++;
}

export function putRepeated(byte: u8, count: i32): void {
  if (count <= 0) return;
  if (at < end) memory.fill(<u32>at, byte, <u32>min<u64>(count, end - at));
  at += count;
}

export function putBytes(from: u32, length: u32): void {
  if (at < end) memory.copy(<u32>at, from, <u32>min<u64>(length, end - at));
  at += length;
}

/** Text that was laid out before: once the output is full it no longer counts, as in Linux. */
export function putPrepared(from: u32, length: u32): void {
  if (at < end) putBytes(from, length);
}

/** A string in a field of `width` bytes (0: as wide as it is). */
export function putField(from: u32, length: u32, flags: u32, width: i32): void {
  const spaces = width - <i32>length;
  if ((flags & Pad.Left) === 0) putRepeated(0x20, spaces);
  putBytes(from, length);
  if ((flags & Pad.Left) !== 0) putRepeated(0x20, spaces);
}

/** 20 decimal digits are the most a u64 has. */
const DIGITS: u32 = 24;
const digits: usize = memory.data(DIGITS, 8);

/** An integer; `signed` decides how a negative one reads and whether + and space matter. */
export function putInteger(value: u64, base: u32, signed: bool, upper: bool, flags: u32, width: i32): void {
  let sign: u8 = 0;
  if (signed) {
    if (<i64>value < 0) {
      sign = 0x2d;
      value = 0 - value;
    } else if ((flags & Pad.Plus) !== 0) sign = 0x2b;
    else if ((flags & Pad.Space) !== 0) sign = 0x20;
  }
  const first = toDigits(value, base, upper);
  const length = <u32>digits + DIGITS - first;
  const rest = width - <i32>length - (sign === 0 ? 0 : 1);
  const left = (flags & Pad.Left) !== 0;
  const zeros = !left && (flags & Pad.Zero) !== 0;
  if (!left && !zeros) putRepeated(0x20, rest);
  if (sign !== 0) putByte(sign);
  if (zeros) putRepeated(0x30, rest);
  putBytes(first, length);
  if (left) putRepeated(0x20, rest);
}

/** Linear offset of the first digit; the last one ends the buffer. */
function toDigits(value: u64, base: u32, upper: bool): u32 {
  const letters: u32 = upper ? 0x37 : 0x57;
  let to = <u32>digits + DIGITS;
  do {
    const digit = <u32>(value % base);
    value /= base;
    to--;
    store<u8>(to, <u8>(digit < 10 ? 0x30 + digit : letters + digit));
  } while (value !== 0);
  return to;
}
