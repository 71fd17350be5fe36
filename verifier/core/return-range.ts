/** Ranges of return values: of traced functions, and of the program itself. */
import { RegState } from './reg.ts';

/** A traced hook's return value has a known range. 0 or -EFAULT. */
export function narrowReturn(reg: RegState): i32 {
  return 0;
}
