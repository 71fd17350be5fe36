/** Who is charged for the memory that a ring pins. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import type { User } from '../cred.ts';
import type { Mm } from '../mm.ts';

export class Payer {
  private readonly user: User | undefined;
  /** The creator's memory, as long as it lives. */
  readonly mm: Mm | undefined;

  /**
   * @param user whose account is limited; none when the ring's creator had CAP_IPC_LOCK.
   * @param mm whose `pinned_vm` counts the pages.
   */
  constructor(user: User | undefined, mm: Mm | undefined) {
    this.user = user;
    this.mm = mm;
  }

  /**
   * @param limit RLIMIT_MEMLOCK of the calling task, in bytes.
   * @returns false when the user may not lock that many more pages.
   */
  charge(pages: number, limit: number): boolean {
    if (this.user) {
      if (this.user.lockedVm + pages > Math.floor(limit / PAGE_SIZE)) return false;
      this.user.charge(pages);
    }
    this.mm?.record.add('pinned_vm', pages);
    return true;
  }

  uncharge(pages: number): void {
    if (pages === 0) return;
    this.user?.charge(-pages);
    if (this.mm?.record.live) this.mm.record.add('pinned_vm', -pages);
  }
}
