/** A ring to be brought about on some kernel: all that there is to know before a single call is made. */
import type { RingState } from '../../state.ts';

export interface RingOnKernel {
  readonly state: RingState;
  /** KERNEL_VERSION of where it is restored. */
  readonly versionCode: number;
  /** It stays as it is born: never enabled. */
  readonly staysDisabled: boolean;
  /** Ends it all with what cannot be brought about. @param item of the inventory */
  refuse(item: number, reason: string): never;
}
