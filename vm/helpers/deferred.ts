/** Helpers and kfuncs of timers (bpf_timer) and work queues (bpf_wq): see vm/deferred. */
import { FaultKind } from '../../bpf/abi.ts';
import { Errno } from '../../bpf/errno.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import { HostKfunc } from '../../bpf/vm-call.ts';
import { BOOT_TIME } from '../../kernel-model/timers.ts';
import type { WorkKind } from '../deferred/index.ts';
import type { HelperCall } from '../helper-call.ts';
import type { Vm } from '../vm.ts';
import type { HelperContext, HelperGroup } from './context.ts';

/** CLOCK_* that timers take (uapi linux/time.h), and nanoseconds from 1970 to the zero of each. */
const CLOCKS: ReadonlyMap<bigint, bigint> = new Map([
  [0n, BOOT_TIME], // CLOCK_REALTIME
  [1n, 0n], // CLOCK_MONOTONIC
  [7n, 0n], // CLOCK_BOOTTIME
]);

/** BPF_F_TIMER_ABS: the time is one of the timer's clock. BPF_F_TIMER_CPU_PIN: the timer stays on its CPU. */
const TIMER_ABS = 1n;
const TIMER_FLAGS = TIMER_ABS | 2n;

export function deferredHelpers({ vm, services }: HelperContext): HelperGroup {
  vm.deferred.clock = services;
  return [
    [HelperId.TimerInit, (call) => initTimer(vm, call)],
    [HelperId.TimerSetCallback, (call) => setCallback(vm, 'timer', call)],
    [HelperId.TimerStart, (call) => startTimer(vm, call)],
    [HelperId.TimerCancel, (call) => vm.deferred.cancel(call.arg(1))],
    [HostKfunc.WqInit, (call) => initQueue(vm, call)],
    [HostKfunc.WqSetCallback, (call) => setQueueCallback(vm, call)],
    [HostKfunc.WqStart, (call) => startQueue(vm, call)],
  ];
}

/** `long bpf_timer_init(timer, map, u64 flags)`: 0, -EINVAL (no such clock), -EBUSY (initialised already) */
function initTimer(vm: Vm, call: HelperCall): number {
  const epoch = CLOCKS.get(call.arg(3));
  return epoch === undefined ? -Errno.EINVAL : init(vm, 'timer', call, epoch);
}

/** `long bpf_timer_start(timer, u64 nsecs, u64 flags)`: 0, -EINVAL (flags, not initialised, no callback) */
function startTimer({ deferred }: Vm, call: HelperCall): number {
  const flags = call.arg(3);
  if ((flags & ~TIMER_FLAGS) !== 0n) return -Errno.EINVAL;
  return deferred.start('timer', call.arg(1), call.arg(2), (flags & TIMER_ABS) !== 0n);
}

/** `int bpf_wq_init(wq, map, unsigned int flags)`: 0, -EINVAL (flags), -EBUSY (initialised already) */
function initQueue(vm: Vm, call: HelperCall): number {
  return call.arg32(3) === 0 ? init(vm, 'work queue', call) : -Errno.EINVAL;
}

/** `int bpf_wq_set_callback_impl(wq, callback_fn, unsigned int flags, aux)`: 0, -EINVAL (flags, not initialised) */
function setQueueCallback(vm: Vm, call: HelperCall): number {
  return call.arg32(3) === 0 ? setCallback(vm, 'work queue', call) : -Errno.EINVAL;
}

/** `int bpf_wq_start(wq, unsigned int flags)`: 0, -EINVAL (flags, not initialised, no callback) */
function startQueue({ deferred }: Vm, call: HelperCall): number {
  return call.arg32(2) === 0 ? deferred.start('work queue', call.arg(1), 0n) : -Errno.EINVAL;
}

/** A struct outside the map's values is what no verified program passes. */
function init({ deferred }: Vm, kind: WorkKind, call: HelperCall, epoch = 0n): number {
  const done = deferred.init(kind, call.arg(1), call.arg(2), epoch);
  if (done === -Errno.EFAULT) call.fault(FaultKind.BadArgument, call.arg(1));
  return done;
}

function setCallback(vm: Vm, kind: WorkKind, call: HelperCall): number {
  const fn = vm.functionAt(call.arg(2));
  // A fault was raised.
  if (!fn) return 0;
  return vm.deferred.setCallback(kind, call.arg(1), fn);
}
