/** Damage to images, done to what they say: every one of them still reads well by itself. */

import { encodeEntries } from '../../checkpoint/image/image.ts';
import { decodeAs, type ImageKind, kindOfFile } from '../../checkpoint/image/index.ts';

type Files = ReadonlyMap<string, Uint8Array>;
type Fields = Record<string, unknown>;

/** Takes numbers one by one. */
type Next = (count: number) => number;

/** Each with one change to the files. */
export function mutations(files: Files, numbers: Iterable<number>, count: number): Files[] {
  const iterator = numbers[Symbol.iterator]();
  const next: Next = (limit) => (iterator.next().value as number) % Math.max(1, limit);
  return Array.from({ length: count }, () => mutated(files, next));
}

function mutated(files: Files, next: Next): Files {
  const names = [...files.keys()];
  const name = names[next(names.length)] as string;
  const bytes = files.get(name) as Uint8Array;
  const how = next(20);
  if (how === 0) return new Map([...files].filter(([file]) => file !== name));
  if (how === 1) return swapped(files, name, names[next(names.length)] as string);
  if (how === 2) return new Map([...files, [name, flipped(bytes, next)]]);
  const kind = kindOfFile(name);
  if (kind === 'PAGES' || kind === undefined)
    return new Map([...files, [name, bytes.slice(0, next(bytes.length))]]);
  return new Map([...files, [name, withEntries(kind, name, bytes, next)]]);
}

function swapped(files: Files, a: string, b: string): Files {
  return new Map([...files, [a, files.get(b) as Uint8Array], [b, files.get(a) as Uint8Array]]);
}

function flipped(bytes: Uint8Array, next: Next): Uint8Array {
  const copy = bytes.slice();
  if (copy.length > 0) copy[next(copy.length)] = next(256);
  return copy;
}

/** A change that cannot be written leaves the file as it is. */
function withEntries(kind: ImageKind, name: string, bytes: Uint8Array, next: Next): Uint8Array {
  const entries: unknown[] = [...decodeAs(kind, name, bytes)];
  changeList(entries, next);
  try {
    return encodeEntries(kind, entries);
  } catch {
    return bytes;
  }
}

function changeList(list: unknown[], next: Next): void {
  if (list.length === 0) return;
  const at = next(list.length);
  const item = list[at];
  switch (next(10)) {
    case 0:
      list.splice(at, 1);
      return;
    case 1:
      list.splice(at, 0, item);
      return;
    case 2: {
      const other = next(list.length);
      [list[at], list[other]] = [list[other], item];
      return;
    }
    default:
      if (isFields(item)) changeFields(item, next);
      else list[at] = changedScalar(item, next);
  }
}

function isFields(value: unknown): value is Fields {
  return (
    typeof value === 'object' && value !== null && !(value instanceof Uint8Array) && !Array.isArray(value)
  );
}

function changeFields(fields: Fields, next: Next): void {
  const names = Object.keys(fields);
  const name = names[next(names.length)];
  if (name === undefined) return;
  const value = fields[name];
  if (Array.isArray(value)) changeList(value, next);
  else if (isFields(value) && next(6) > 0) changeFields(value, next);
  else if (next(12) === 0) delete fields[name];
  else fields[name] = changedScalar(value, next);
}

function changedScalar(value: unknown, next: Next): unknown {
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'number')
    return [0, value + 1, value - 1, 0xffff_ffff, 0x7fff_ffff, next(300)][next(6)];
  if (typeof value === 'bigint') {
    return [0n, value + 1n, value - 1n, 2n ** 64n - 1n, value + 4096n, 2n ** 53n][next(6)];
  }
  if (typeof value === 'string')
    return ['', `${value}x`, 'REG', 'MEMFD', 'HUGE', 'LINKED', 'SHARED'][next(7)];
  if (value instanceof Uint8Array) return value.slice(0, next(value.length));
  return undefined;
}
