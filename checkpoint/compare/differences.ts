/** Where two values differ, member by member. */

export interface Difference {
  /** "mms[0].mappings[3].flags" */
  readonly path: string;
  readonly before: string;
  readonly after: string;
}

/** How what is not there is written. */
export const NOTHING = 'nothing';

/** Enough to see what is wrong. */
const MAX_DIFFERENCES = 100;
const SHOWN = 60;

export function differencesOf(before: unknown, after: unknown): Difference[] {
  const found: Difference[] = [];
  compare(before, after, '', found);
  return found;
}

function compare(a: unknown, b: unknown, path: string, found: Difference[]): void {
  if (found.length >= MAX_DIFFERENCES || Object.is(a, b)) return;
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    if (!sameBytes(a, b)) found.push(differenceOfBytes(a, b, path));
    return;
  }
  if (a instanceof Map && b instanceof Map) {
    compareMaps(a, b, path, found);
    return;
  }
  if (!isObject(a) || !isObject(b)) {
    found.push({ path, before: textOf(a), after: textOf(b) });
    return;
  }
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    const at = Array.isArray(a) ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`;
    compare(a[key], b[key], at, found);
  }
}

function compareMaps(
  a: Map<unknown, unknown>,
  b: Map<unknown, unknown>,
  path: string,
  found: Difference[],
): void {
  for (const key of new Set([...a.keys(), ...b.keys()]))
    compare(a.get(key), b.get(key), `${path}{${textOf(key)}}`, found);
}

function differenceOfBytes(a: Uint8Array, b: Uint8Array, path: string): Difference {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  if (a.length !== b.length || at < 0) {
    return { path, before: `${a.length} bytes`, after: `${b.length} bytes` };
  }
  return { path: `${path}+${at}`, before: hexAt(a, at), after: hexAt(b, at) };
}

function hexAt(bytes: Uint8Array, at: number): string {
  return [...bytes.subarray(at, at + 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}

function textOf(value: unknown): string {
  if (value === undefined) return NOTHING;
  if (typeof value === 'bigint' || typeof value === 'number') return String(value);
  const plain = (_key: string, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner);
  const text = typeof value === 'string' ? value : (JSON.stringify(value, plain) ?? String(value));
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}
