/** Checks that a value is one that a field can hold. What is wrong is told with the path of the field. */
import { InputError } from '../../bpf/input-error.ts';
import type { ScalarName } from './schema.ts';

const RANGES: Readonly<Partial<Record<ScalarName, readonly [bigint, bigint]>>> = {
  uint32: [0n, 0xffff_ffffn],
  int32: [-0x8000_0000n, 0x7fff_ffffn],
  sint32: [-0x8000_0000n, 0x7fff_ffffn],
  uint64: [0n, 0xffff_ffff_ffff_ffffn],
  fixed64: [0n, 0xffff_ffff_ffff_ffffn],
  int64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
  sint64: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
};

/** True for the integers that are bigints in an entry. */
export function isWide(type: ScalarName): boolean {
  return type === 'uint64' || type === 'int64' || type === 'sint64' || type === 'fixed64';
}

export function isInteger(type: ScalarName): boolean {
  return RANGES[type] !== undefined;
}

export function bad(path: string, reason: string): InputError {
  return new InputError(`${path}: ${reason}`);
}

/** A value for messages: short, on one line. */
export function quote(value: unknown): string {
  if (typeof value === 'bigint') return `${value}`;
  if (typeof value === 'string') {
    const text = JSON.stringify(value);
    return text.length > 60 ? `${text.slice(0, 60)}..."` : text;
  }
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** @throws {InputError} when an integer does not fit */
export function checkRange(type: ScalarName, value: bigint, path: string): void {
  const range = RANGES[type];
  if (range && (value < range[0] || value > range[1])) throw bad(path, `${value} is no ${type}`);
}

/** A value in an entry. @throws {InputError} */
export function checkScalar(type: ScalarName, value: unknown, path: string): void {
  if (!isOfType(type, value)) throw bad(path, `${quote(value)} is no ${type}`);
  if (typeof value === 'string') checkText(value, path);
  if (typeof value === 'number' || typeof value === 'bigint') checkRange(type, BigInt(value), path);
}

function isOfType(type: ScalarName, value: unknown): boolean {
  switch (type) {
    case 'bool':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'bytes':
      return value instanceof Uint8Array;
    default:
      return isWide(type) ? typeof value === 'bigint' : Number.isInteger(value);
  }
}

/** A lone half of a surrogate pair has no UTF-8. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function checkText(value: string, path: string): void {
  if (LONE_SURROGATE.test(value)) throw bad(path, `${quote(value)} cannot be written as UTF-8`);
}
