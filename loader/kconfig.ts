/**
 * Values of .kconfig externs: what a kernel's .config file says, and the few values that are not
 * configuration but facts about the kernel (LINUX_KERNEL_VERSION, LINUX_HAS_*).
 */
import { InputError } from '../bpf/input-error.ts';
import { type KconfigExtern, KconfigType } from './externs.ts';
import type { LoadOptions } from './program.ts';

/** enum libbpf_tristate */
const TRISTATE = new Map([
  ['n', 0],
  ['y', 1],
  ['m', 2],
]);
const UNSIGNED_64 = 1n << 64n;

/**
 * Bytes that a value of the configuration gives an extern (little-endian; shorter ones leave zeros behind).
 * @throws {InputError} when the extern's type cannot hold the value.
 */
export function kconfigBytes(extern: KconfigExtern, text: string): Uint8Array {
  const first = text[0] ?? '';
  if (first === '') throw fail(extern, 'has no value');
  if (TRISTATE.has(first)) return tristate(extern, first);
  if (first === '"') return string(extern, text);
  const value = integer(extern, text);
  if (
    extern.type !== KconfigType.Int &&
    extern.type !== KconfigType.Char &&
    extern.name.startsWith('CONFIG_')
  ) {
    throw fail(extern, `value '${text}' implies integer type`);
  }
  return number(extern, value);
}

/** Value of an extern that does not name configuration, as text; undefined for a weak unknown one: zero. */
export function virtualValue(extern: KconfigExtern, { kernelVersion }: LoadOptions): string | undefined {
  switch (extern.name) {
    case 'LINUX_KERNEL_VERSION':
      if (!kernelVersion) throw fail(extern, 'failed to get kernel version');
      return String(kernelVersion);
    case 'LINUX_HAS_BPF_COOKIE':
    case 'LINUX_HAS_SYSCALL_WRAPPER':
      return '1';
  }
  if (!extern.weak || !extern.name.startsWith('LINUX_')) throw fail(extern, 'unrecognized virtual extern');
  return '0';
}

function tristate(extern: KconfigExtern, letter: string): Uint8Array {
  switch (extern.type) {
    case KconfigType.Bool:
      if (letter === 'm') throw fail(extern, "value 'm' implies tristate or char type");
      return bytes(letter === 'y' ? 1n : 0n, 1);
    case KconfigType.Tristate:
      return bytes(BigInt(TRISTATE.get(letter) ?? 0), Math.min(extern.size, 4));
    case KconfigType.Char:
      return bytes(BigInt(letter.charCodeAt(0)), 1);
    default:
      throw fail(extern, `value '${letter}' implies bool, tristate, or char type`);
  }
}

function string(extern: KconfigExtern, text: string): Uint8Array {
  if (extern.type !== KconfigType.String) throw fail(extern, `value '${text}' implies char array type`);
  if (text.length < 2 || !text.endsWith('"')) throw fail(extern, `invalid string config '${text}'`);
  // One byte is left for the terminating zero.
  return new TextEncoder().encode(text.slice(1, -1)).subarray(0, extern.size - 1);
}

/** An unsigned 64-bit number as C's strtoull reads it: decimal, 0x hexadecimal or 0 octal, perhaps negated. */
function integer(extern: KconfigExtern, text: string): bigint {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (!match) throw fail(extern, `value '${text}' isn't a valid integer`);
  const [, sign, digits = '0'] = match;
  const magnitude = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  if (magnitude >= UNSIGNED_64) throw fail(extern, `value '${text}' isn't a valid integer`);
  return BigInt.asUintN(64, sign === '-' ? -magnitude : magnitude);
}

function number(extern: KconfigExtern, value: bigint): Uint8Array {
  const { type, size, signed } = extern;
  if (type !== KconfigType.Int && type !== KconfigType.Char && type !== KconfigType.Bool) {
    throw fail(extern, `value '${value}' implies integer, char, or boolean type`);
  }
  if (type === KconfigType.Bool && value > 1n)
    throw fail(extern, `value '${value}' isn't boolean compatible`);
  const bits = size * 8;
  const back = signed ? BigInt.asUintN(64, BigInt.asIntN(bits, value)) : BigInt.asUintN(bits, value);
  if (back !== value) throw fail(extern, `value '${value}' doesn't fit in ${size} bytes`);
  return bytes(value, size);
}

function bytes(value: bigint, size: number): Uint8Array {
  const result = new Uint8Array(8);
  new DataView(result.buffer).setBigUint64(0, value, true);
  return result.subarray(0, size);
}

function fail(extern: KconfigExtern, reason: string): InputError {
  return new InputError(`extern (kcfg) '${extern.name}': ${reason}`, { section: '.kconfig' });
}
