/** bpf_user_ringbuf_drain: calls back for each sample that user space has produced. */

import { FaultKind } from '../../bpf/abi.ts';
import { Errno } from '../../bpf/errno.ts';
import { mapArgument } from './args.ts';
import { local, requestCallback, setLocal } from './callback.ts';
import { DynptrKind, makeDynptr } from './dynptr.ts';
import { raiseFault } from './fault.ts';
import { MapType, mapAtAddress } from './map.ts';
import { toAddress } from './ram.ts';
import { sampleLength, userRingbufDynptr, userRingbufPeek, userRingbufRelease } from './ringbuf.ts';

/** Samples one drain takes (BPF_MAX_USER_RINGBUF_SAMPLES). */
const MAX_SAMPLES: u64 = 128 * 1024;
/** BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP */
const WAKEUP_FLAGS: u64 = 3;

const enum Local {
  Map = 0,
  Function = 1,
  Context = 2,
  Count = 3,
}

/** @returns samples drained; -EINVAL (flags), -EBUSY (a drain of this buffer is under way) */
export function drainUserRingbuf(address: u64, fn: u64, context: u64, flags: u64): u64 {
  const map = mapArgument(address);
  if (map === null) return 0;
  if (map.type !== MapType.UserRingbuf) {
    raiseFault(FaultKind.BadArgument, address);
    return 0;
  }
  if ((flags & ~WAKEUP_FLAGS) !== 0) return <u64>-Errno.EINVAL;
  if (map.busy !== 0) return <u64>-Errno.EBUSY;
  map.busy = 1;
  setLocal(Local.Map, address);
  setLocal(Local.Function, fn);
  setLocal(Local.Context, context);
  setLocal(Local.Count, 0);
  return next();
}

/** After each callback: a value other than 0 ends the drain. */
export function continueDrain(value: u64): u64 {
  const map = mapAtAddress(local(Local.Map));
  if (map === null) return 0;
  userRingbufRelease(map);
  const count = local(Local.Count) + 1;
  setLocal(Local.Count, count);
  if (value === 0 && count < MAX_SAMPLES) return next();
  map.busy = 0;
  return count;
}

function next(): u64 {
  const map = mapAtAddress(local(Local.Map))!;
  const sample = userRingbufPeek(map);
  if (sample === 0) {
    map.busy = 0;
    return local(Local.Count);
  }
  const dynptr = userRingbufDynptr(map);
  makeDynptr(dynptr, toAddress(sample), sampleLength, DynptrKind.Local);
  return requestCallback(local(Local.Function), toAddress(dynptr), local(Local.Context), 0, 0);
}
