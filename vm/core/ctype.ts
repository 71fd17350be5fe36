/** Character classes of ASCII, as the kernel's ctype table has them. */

export function isSpace(c: u8): bool {
  return c === 0x20 || (c >= 9 && c <= 13);
}

export function isDigit(c: u8): bool {
  return c >= 0x30 && c <= 0x39;
}

export function isAlnum(c: u8): bool {
  return isDigit(c) || (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
}

export function isPrint(c: u8): bool {
  return c >= 0x20 && c < 0x7f;
}

export function isPunct(c: u8): bool {
  return isPrint(c) && c !== 0x20 && !isAlnum(c);
}

export function toLower(c: u8): u8 {
  return c >= 0x41 && c <= 0x5a ? c | 0x20 : c;
}
