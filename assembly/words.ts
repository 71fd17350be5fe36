/** A directive's line in words, each with its place. */
import type { AssemblyError, Place } from './source.ts';

export interface Word extends Place {
  text: string;
  /** Bytes of what stands in quotes. */
  bytes?: Uint8Array;
}

/** Thrown for one line; the others are looked at all the same. */
export class BadDirective extends Error {
  readonly error: AssemblyError;

  constructor({ line, column, endColumn }: Place, message: string) {
    super(message);
    this.error = { line, column, endColumn, message };
  }
}

const WORD = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))/y;
const END = /\s*(?:;.*|\/\/.*)?$/y;
const encoder = new TextEncoder();

/** @throws {BadDirective} */
export function words(text: string, line: number): Word[] {
  const found: Word[] = [];
  for (let at = 0; ; at = WORD.lastIndex) {
    END.lastIndex = at;
    if (END.test(text)) return found;
    WORD.lastIndex = at;
    const match = WORD.exec(text);
    if (!match) {
      const column = at + 1 + text.slice(at).search(/\S/);
      throw new BadDirective({ line, column, endColumn: text.length + 1 }, 'the quotes are not closed');
    }
    const [whole, quoted, plain] = match;
    const column = at + 1 + whole.search(/\S/);
    const place = { line, column, endColumn: at + 1 + whole.length };
    if (plain !== undefined) found.push({ ...place, text: plain });
    else found.push({ ...place, text: quoted!, bytes: unescaped(quoted!, place) });
  }
}

const ESCAPES: { readonly [letter: string]: number } = { n: 10, t: 9, r: 13, '0': 0, '\\': 92, '"': 34 };

function unescaped(text: string, place: Place): Uint8Array {
  const bytes: number[] = [];
  for (const [part, hex, letter] of text.matchAll(/\\x([0-9a-fA-F]{2})|\\(.)|[^\\]+/g)) {
    const known = letter === undefined ? undefined : ESCAPES[letter];
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else if (known !== undefined) bytes.push(known);
    else if (letter !== undefined) {
      throw new BadDirective(place, `\\${letter} is no escape; there are \\n \\t \\r \\0 \\\\ \\" and \\x1f`);
    } else for (const byte of encoder.encode(part)) bytes.push(byte);
  }
  return Uint8Array.from(bytes);
}

/** In quotes, for a directive. */
export function quoted(bytes: Uint8Array): string {
  const named = new Map(Object.entries(ESCAPES).map(([letter, byte]) => [byte, letter]));
  const letters = Array.from(bytes, (byte) => {
    const letter = named.get(byte);
    if (letter !== undefined) return `\\${letter}`;
    const isPlain = byte >= 0x20 && byte < 0x7f;
    return isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `"${letters.join('')}"`;
}
