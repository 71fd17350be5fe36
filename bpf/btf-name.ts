/** Names that the kernel takes in BTF. */

const MAX_BYTES = 512;

/** Letters as the kernel's tables have them, Latin-1's among them. */
function isLetter(byte: number): boolean {
  const lower = byte | 0x20;
  if (lower >= 0x61 && lower <= 0x7a && byte < 0x80) return true;
  return byte >= 0xc0 && byte !== 0xd7 && byte !== 0xf7;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function isPrintable(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte >= 0xa0;
}

/** Whether it has letters, digits, "_" and "." only, and begins with no digit. */
export function isIdentifier(name: Uint8Array): boolean {
  return (
    name.length > 0 &&
    name.length <= MAX_BYTES &&
    name.every((byte, i) => isLetter(byte) || byte === 0x5f || byte === 0x2e || (i > 0 && isDigit(byte)))
  );
}

/** Whether it has printable characters only. */
export function isSectionName(name: Uint8Array): boolean {
  return name.length > 0 && name.length <= MAX_BYTES && name.every(isPrintable);
}
