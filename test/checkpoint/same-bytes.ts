/** Makes comparing large arrays of bytes quick: the test runner's own way takes minutes for megabytes. */
import { expect } from 'vitest';

function sameBytes(a: unknown, b: unknown): boolean | undefined {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) return undefined;
  return a.constructor === b.constructor && Buffer.compare(a, b) === 0;
}

expect.addEqualityTesters([sameBytes]);
