/** Accesses to map values. */
import { notBuilt } from './not-built.ts';

/** Whether [off, off + size) lies in the value the register points into. 0 or a negative errno. */
export function mapAccessInBounds(register: u32, off: i32, size: u32, zeroAllowed: bool): i32 {
  return notBuilt('map values');
}
