/**
 * Quoted-printable (RFC 2045 6.7), in which crit shows names of sockets: mostly text, with a zero in front when
 * they are abstract. Line ends are always escaped, so that what is read is what was written.
 */
import { bad } from './value.ts';

const MAX_LINE = 76;
const SOFT_BREAK = '=\n';

const EQUALS = 0x3d;
const DOT = 0x2e;
const SPACE = 0x20;
const TAB = 0x09;
const LAST_PRINTABLE = 0x7e;

export function encodeQuotedPrintable(bytes: Uint8Array): string {
  let text = '';
  let column = 0;
  for (const [at, byte] of bytes.entries()) {
    const last = at + 1 === bytes.length;
    if (mustEscape(byte, last, column === 0 && (last || bytes[at + 1] === 0))) {
      if (column + 3 >= MAX_LINE) {
        text += SOFT_BREAK;
        column = 0;
      }
      text += `=${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      column += 3;
    } else {
      if (!last && column + 1 >= MAX_LINE) {
        text += SOFT_BREAK;
        column = 0;
      }
      text += String.fromCharCode(byte);
      column += 1;
    }
  }
  return text;
}

/** A dot alone on a line would end a mail; a blank at the end might get lost. */
function mustEscape(byte: number, last: boolean, alone: boolean): boolean {
  if (byte > LAST_PRINTABLE || byte === EQUALS) return true;
  if (byte === SPACE || byte === TAB) return last;
  return byte < SPACE || (byte === DOT && alone);
}

/** @throws {InputError} */
export function decodeQuotedPrintable(text: string, path: string): Uint8Array {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== EQUALS) {
      if (code > 0x7f) throw bad(path, `character ${at} has to be escaped in quoted-printable`);
      bytes.push(code);
      continue;
    }
    const digits = text.slice(at + 1, at + 3);
    if (digits.startsWith('\n')) {
      at += 1;
    } else if (/^[0-9A-Fa-f]{2}$/.test(digits)) {
      bytes.push(Number.parseInt(digits, 16));
      at += 2;
    } else {
      throw bad(path, `character ${at} begins no escape of quoted-printable`);
    }
  }
  return Uint8Array.from(bytes);
}
