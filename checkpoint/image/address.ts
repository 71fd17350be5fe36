/** IP addresses as lists of words: each word has the address's bytes in network order, read on x86. */
import { bad, quote } from './value.ts';

/** Undefined when so many words are no address. */
export function showAddress(words: readonly number[]): string | undefined {
  if (words.length === 1) return bytesOf(words).join('.');
  return words.length === 4 ? showV6(groupsOf(bytesOf(words))) : undefined;
}

function bytesOf(words: readonly number[]): number[] {
  return words.flatMap((word) => [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24]);
}

function wordsOf(bytes: readonly number[]): number[] {
  const words: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(at, at + 4);
    words.push((a | (b << 8) | (c << 16) | (d << 24)) >>> 0);
  }
  return words;
}

function groupsOf(bytes: readonly number[]): number[] {
  return Array.from(
    { length: bytes.length / 2 },
    (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
  );
}

/** The first of the longest runs of zeros, of two groups at least, is left out. */
function showV6(groups: readonly number[]): string {
  let start = 0;
  let length = 1;
  for (let from = 0; from < groups.length; from++) {
    let end = from;
    while (groups[end] === 0) end++;
    if (end - from > length) [start, length] = [from, end - from];
  }
  const hex = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  if (length < 2) return hex(groups);
  return `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`;
}

/** @throws {InputError} */
export function parseAddress(text: string, path: string): number[] {
  const bytes = text.includes(':') ? parseV6(text) : parseV4(text);
  if (!bytes) throw bad(path, `${quote(text)} is no address`);
  return wordsOf(bytes);
}

function parseV4(text: string): number[] | undefined {
  const parts = text.split('.');
  const valid = parts.length === 4 && parts.every((part) => /^[0-9]{1,3}$/.test(part) && Number(part) < 256);
  return valid ? parts.map(Number) : undefined;
}

function parseV6(text: string): number[] | undefined {
  const halves = text.split('::').map(parseGroups);
  const [head, tail] = halves;
  if (!head || halves.length > 2) return undefined;
  if (halves.length === 1) return head.length === 16 ? head : undefined;
  if (!tail || head.length + tail.length > 14) return undefined;
  return [...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

/** Groups of 16 bits; the last two may be written as an IPv4 address. */
function parseGroups(text: string): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  for (const [index, part] of text.split(':').entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) {
      const group = Number.parseInt(part, 16);
      bytes.push(group >> 8, group & 0xff);
    } else {
      const last = text.split(':').length === index + 1 ? parseV4(part) : undefined;
      if (!last) return undefined;
      bytes.push(...last);
    }
  }
  return bytes;
}
