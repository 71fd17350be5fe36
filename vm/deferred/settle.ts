/** What follows a run: the callbacks of timers and work queues that come due. */
import type { Fault } from '../fault.ts';
import { DEFAULT_BUDGET, type RunResult, type Vm } from '../vm.ts';

/** Nanoseconds that the modelled clock goes on at most after a run: a second. */
export const SETTLE_TIME = 1_000_000_000n;
/** Callbacks that a run brings about at most: timers can arm themselves again and again. */
export const SETTLE_CALLBACKS = 1000;

export interface Settled {
  /** Callbacks that were called. */
  readonly callbacks: number;
  /** Their instructions. */
  readonly insns: number;
  /** Timers and work queues that are started still: due later, or beyond `SETTLE_CALLBACKS`. */
  readonly pending: number;
  /** Of the callback that was the last one; `suspended`: it spent the budget. */
  readonly status: RunResult['status'];
  readonly fault: Fault | null;
}

/**
 * Calls what is due, and what comes due within `SETTLE_TIME`: work queues in the order in which they were started,
 * then timers by expiry, the clock always at the expiry of the one that fires. The clock goes on no further than
 * to the last of them. Ends with a callback that does not end well.
 * @param budget instructions that all of them may execute together.
 */
export function settle(vm: Vm, budget: number = DEFAULT_BUDGET): Settled {
  const { deferred } = vm;
  const end = deferred.clock.ktime() + SETTLE_TIME;
  let callbacks = 0;
  let insns = 0;
  let last: RunResult | undefined;
  while (callbacks < SETTLE_CALLBACKS && (last === undefined || last.status === 'finished')) {
    const result = deferred.doNext(end, ({ program, slot }, args) => {
      vm.start(program, args, {}, slot);
      return vm.resume(budget - insns);
    });
    if (!result) break;
    last = result;
    callbacks++;
    insns += result.insns;
  }
  const { status, fault } = last ?? { status: 'finished', fault: null };
  return { callbacks, insns, pending: deferred.pending, status, fault };
}
