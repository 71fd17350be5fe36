/** Special fields of map values and allocated objects. */
import { RegState } from './reg.ts';

/** Whether the map's value has a `Field`. */
export function mapHasField(map: u32, field: u32): bool {
  return false;
}

/** Whether the pointee has a bpf_spin_lock. */
export function pointsToSpinLock(reg: RegState): bool {
  return false;
}
