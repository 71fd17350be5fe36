/** Text as the kernel has it. */

const encoder = new TextEncoder();

/** In UTF-8. Most names are short and ASCII, for which the encoder takes longer than a loop. */
export function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 0x7f) return encoder.encode(text);
    bytes[i] = unit;
  }
  return bytes;
}
