/** Events as JSON Lines: 64-bit numbers are decimal strings, because JSON's numbers are not that long. */
import type { VerifierEvent } from '../verifier/index.ts';

/** One line, without its end. */
export function eventLine(event: VerifierEvent): string {
  return JSON.stringify(event, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
}
