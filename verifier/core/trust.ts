/** Trusted pointers. */
import { RegState } from './reg.ts';

/** Whether a BTF pointer is known to be valid. */
export function isTrusted(reg: RegState): bool {
  return false;
}
