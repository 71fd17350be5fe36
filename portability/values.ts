/**
 * What a verifier may know about a register when it comes to a branch. It follows both sides of a branch on a value
 * that it does not know; a branch on what is the same in every run it may follow to one side only.
 */
import { Alu, Jmp } from '../bpf/isa.ts';

/**
 * A constant (unsigned 64 bits); 'any' is a value that differs from run to run; 'known' one that the loader or the
 * verifier may know: an answer of CO-RE, read-only data, configuration; 'data' is the address of such data.
 */
export type Value = bigint | 'any' | 'known' | 'data';

/** Of two paths that meet: where they bring different values, both sides of a branch on it are followed. */
export function join(a: Value, b: Value): Value {
  return a === b ? a : isSame(a) && isSame(b) && !(isConstant(a) && isConstant(b)) ? 'known' : 'any';
}

/** Of two calls: each is followed on its own, with what it brings. */
export function joinCalls(a: Value, b: Value): Value {
  if (a === b) return a;
  return a === 'any' || b === 'any' ? 'any' : 'known';
}

function isConstant(value: Value): value is bigint {
  return typeof value === 'bigint';
}

function isSame(value: Value): boolean {
  return isConstant(value) || value === 'known';
}

/** Result of an arithmetic instruction other than mov. @param is32 works on the lower halves. */
export function calculate(operation: number, a: Value, b: Value, is32: boolean): Value {
  if (a === 'any' || b === 'any') return a === 'data' || b === 'data' ? 'data' : 'any';
  if (a === 'data' || b === 'data') return 'data';
  if (!isConstant(a) || !isConstant(b)) return 'known';
  const result = is32 ? constant(operation, low(a), low(b), 31n) : constant(operation, a, b, 63n);
  if (result === undefined) return 'known';
  return is32 ? low(result) : BigInt.asUintN(64, result);
}

/** The lower half of a value, zero-extended. */
export function lowHalf(value: Value): Value {
  return isConstant(value) ? low(value) : value === 'data' ? 'known' : value;
}

function low(value: bigint): bigint {
  return BigInt.asUintN(32, value);
}

/** Undefined for operations that are not worth it. @param widest highest shift */
function constant(operation: number, a: bigint, b: bigint, widest: bigint): bigint | undefined {
  switch (operation) {
    case Alu.Add:
      return a + b;
    case Alu.Sub:
      return a - b;
    case Alu.Mul:
      return a * b;
    case Alu.Or:
      return a | b;
    case Alu.And:
      return a & b;
    case Alu.Xor:
      return a ^ b;
    case Alu.Lsh:
      return b <= widest ? a << b : undefined;
    case Alu.Rsh:
      return b <= widest ? a >> b : undefined;
    default:
      return undefined;
  }
}

/** Sides of a branch that are followed. 'one' means: one of them, nobody knows which. */
export type Sides = 'both' | 'one' | 'taken' | 'not taken';

export function sidesOf(operation: number, a: Value, b: Value, is32: boolean): Sides {
  if (a === 'any' || b === 'any') return 'both';
  if (!isConstant(a) || !isConstant(b)) return 'one';
  const holds = is32 ? compare(operation, low(a), low(b), 32) : compare(operation, a, b, 64);
  if (holds === undefined) return 'one';
  return holds ? 'taken' : 'not taken';
}

function compare(operation: number, a: bigint, b: bigint, bits: number): boolean | undefined {
  const [sa, sb] = [BigInt.asIntN(bits, a), BigInt.asIntN(bits, b)];
  switch (operation) {
    case Jmp.Eq:
      return a === b;
    case Jmp.Ne:
      return a !== b;
    case Jmp.Gt:
      return a > b;
    case Jmp.Ge:
      return a >= b;
    case Jmp.Lt:
      return a < b;
    case Jmp.Le:
      return a <= b;
    case Jmp.Set:
      return (a & b) !== 0n;
    case Jmp.Sgt:
      return sa > sb;
    case Jmp.Sge:
      return sa >= sb;
    case Jmp.Slt:
      return sa < sb;
    case Jmp.Sle:
      return sa <= sb;
    default:
      return undefined;
  }
}
