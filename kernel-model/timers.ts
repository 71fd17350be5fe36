/** The modelled clock and its timers. Time stands still until the model is told that some has passed. */

/** Nanoseconds from 1970 to the boot of the modelled machine: 2022-01-01 00:00 UTC. */
export const BOOT_TIME = 1_640_995_200_000_000_000n;

export interface Timer {
  /** Nanoseconds since boot. */
  readonly expires: bigint;
  readonly fire: () => void;
}

export class Timers {
  /** By expiry; of equal ones, the one armed first. */
  private readonly armed: Timer[] = [];

  get size(): number {
    return this.armed.length;
  }

  arm(expires: bigint, fire: () => void): Timer {
    const timer = { expires, fire };
    let index = this.armed.length;
    while (index > 0 && (this.armed[index - 1] as Timer).expires > expires) index--;
    this.armed.splice(index, 0, timer);
    return timer;
  }

  /** @returns false when it has fired or was cancelled before. */
  cancel(timer: Timer): boolean {
    const index = this.armed.indexOf(timer);
    if (index >= 0) this.armed.splice(index, 1);
    return index >= 0;
  }

  /** The next timer that is due at a time, taken out. */
  takeDue(now: bigint): Timer | undefined {
    const first = this.armed[0];
    if (!first || first.expires > now) return undefined;
    this.armed.shift();
    return first;
  }
}
