/** Bytes as people write them. */
import { InputError } from '../bpf/input-error.ts';

/** Hexadecimal digits, blanks and colons between bytes allowed. @throws {InputError} naming `what`. */
export function parseHex(text: string, what: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replace(/[\s:]/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits))
    throw new InputError(`${what} is not an even number of hexadecimal digits`);
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}
