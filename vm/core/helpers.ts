/**
 * Helpers by number (`enum bpf_func_id`, `VmCall`, `VmKfunc`). What needs nothing but memory is answered
 * here; the rest goes to the host, which raises a fault for a helper that it does not know either.
 */
import { FaultKind } from '../../bpf/abi.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import { ObjectCall } from '../../bpf/object-abi.ts';
import { HostCall, VmCpumask, VmKfunc } from '../../bpf/vm-call.ts';
import { readable, writable } from './args.ts';
import {
  iterBitsDestroy,
  iterBitsNew,
  iterBitsNext,
  iterNumDestroy,
  iterNumNew,
  iterNumNext,
} from './bpf-iter.ts';
import { callCpumask } from './cpumask.ts';
import {
  DynptrKind,
  dynptrAdjust,
  dynptrClone,
  dynptrData,
  dynptrFromMem,
  dynptrFromPacket,
  dynptrIsNull,
  dynptrIsReadOnly,
  dynptrRead,
  dynptrSize,
  dynptrSlice,
  dynptrWrite,
  ringbufFinishDynptr,
  ringbufReserveDynptr,
} from './dynptr.ts';
import { raiseFault } from './fault.ts';
import { askHost } from './kernel.ts';
import { continueLoop, loop } from './loop.ts';
import { cpuCount, currentCpu, MapType, mapAtAddress } from './map.ts';
import {
  continueForEach,
  forEachElement,
  mapDelete,
  mapElementCount,
  mapLookup,
  mapLookupPercpu,
  mapPop,
  mapPush,
  mapUpdate,
  ringbufFinish,
  ringbufOutputHelper,
  ringbufQueryHelper,
  ringbufReserveHelper,
  storageDelete,
  storageGet,
} from './map-helpers.ts';
import { referenceAt } from './maps.ts';
import { acquire, callObject, continueAdd, drop, pop, removeFromTree } from './object-calls.ts';
import { currentCopy, percpuCopy } from './objects.ts';
import { seqPrintf, seqWriteHelper, snprintf, tracePrintk, traceVprintk } from './print.ts';
import { isUserAddress, probeKernel, probeKernelString, probeUser, probeUserString } from './probe.ts';
import { random } from './random.ts';
import { leftmost } from './rbtree.ts';
import { checksumDifference, compareStrings, stringToLong, stringToUnsignedLong } from './strings.ts';
import { continueDrain, drainUserRingbuf } from './user-ringbuf.ts';

/** Jiffies at boot (five minutes before the 32-bit counter wraps) and their length, for 250 a second. */
const FIRST_JIFFIES: u64 = 0x1_0000_0000 - 300 * 250;
const JIFFY_NS: u64 = 4_000_000;

/** Calls helper `id`; the result is r0. */
export function callHelper(id: i32, r1: u64, r2: u64, r3: u64, r4: u64, r5: u64): u64 {
  if (id >= VmKfunc.First && id < VmKfunc.End) return callKfunc(id, r1, r2, r3, r4);
  switch (id) {
    case HelperId.MapLookupElem:
      return mapLookup(r1, r2);
    case HelperId.MapUpdateElem:
      return mapUpdate(r1, r2, r3, r4);
    case HelperId.MapDeleteElem:
      return mapDelete(r1, r2);
    case HelperId.ProbeRead:
      return isUserAddress(r3) ? probe(r1, <u32>r2, r3, true) : probe(r1, <u32>r2, r3, false);
    case HelperId.KtimeGetNs:
    case HelperId.KtimeGetBootNs:
    case HelperId.KtimeGetCoarseNs:
    case HelperId.KtimeGetTaiNs:
      return askHost(HostCall.Time, 0, 0, 0, 0, 0);
    case HelperId.TracePrintk:
      return tracePrintk(r1, <u32>r2, r3, r4, r5);
    case HelperId.GetPrandomU32:
      return random();
    case HelperId.GetSmpProcessorId:
      return currentCpu;
    case HelperId.CsumDiff: {
      const from = readable(r1, <u32>r2);
      const to = from === 0 ? 0 : readable(r3, <u32>r4);
      return to === 0 ? 0 : checksumDifference(from, <u32>r2, to, <u32>r4, <u32>r5);
    }
    case HelperId.GetCurrentTask:
    case HelperId.GetCurrentTaskBtf:
      return askHost(HostCall.CurrentTask, 0, 0, 0, 0, 0);
    case HelperId.GetNumaNodeId:
    case HelperId.GetAttachCookie:
      return 0;
    case HelperId.ProbeReadStr:
      return probeString(r1, <u32>r2, r3, isUserAddress(r3));
    case HelperId.MapPushElem:
      return mapPush(r1, r2, r3);
    case HelperId.MapPopElem:
      return mapPop(r1, r2, true);
    case HelperId.MapPeekElem:
      return mapPop(r1, r2, false);
    case HelperId.SpinLock:
      return spinLock(r1, 0, 1);
    case HelperId.SpinUnlock:
      return spinLock(r1, 1, 0);
    case HelperId.Strtol:
    case HelperId.Strtoul:
      return parseNumber(id, r1, <u32>r2, r3, r4);
    case HelperId.SkStorageGet:
    case HelperId.InodeStorageGet:
    case HelperId.TaskStorageGet:
    case HelperId.CgrpStorageGet:
      return storageGet(r1, r2, r3, r4);
    case HelperId.SkStorageDelete:
    case HelperId.InodeStorageDelete:
    case HelperId.TaskStorageDelete:
    case HelperId.CgrpStorageDelete:
      return storageDelete(r1, r2);
    case HelperId.ProbeReadUser:
      return probe(r1, <u32>r2, r3, true);
    case HelperId.ProbeReadKernel:
      return probe(r1, <u32>r2, r3, false);
    case HelperId.ProbeReadUserStr:
      return probeString(r1, <u32>r2, r3, true);
    case HelperId.ProbeReadKernelStr:
      return probeString(r1, <u32>r2, r3, false);
    case HelperId.Jiffies64:
      return FIRST_JIFFIES + askHost(HostCall.Time, 0, 0, 0, 0, 0) / JIFFY_NS;
    case HelperId.SeqPrintf:
      return seqPrintf(r1, r2, <u32>r3, r4, <u32>r5);
    case HelperId.SeqWrite:
      return seqWriteHelper(r1, r2, <u32>r3);
    case HelperId.RingbufOutput:
      return ringbufOutputHelper(r1, r2, r3, r4);
    case HelperId.RingbufReserve:
      return ringbufReserveHelper(r1, r2, r3);
    case HelperId.RingbufSubmit:
    case HelperId.RingbufDiscard:
      ringbufFinish(r1, id === HelperId.RingbufDiscard);
      return 0;
    case HelperId.RingbufQuery:
      return ringbufQueryHelper(r1, r2);
    case HelperId.PerCpuPtr:
      return r2 < cpuCount ? r1 : 0;
    case HelperId.ThisCpuPtr:
      return r1;
    case HelperId.ForEachMapElem:
      return forEachElement(r1, r2, r3, r4);
    case HelperId.Snprintf:
      return snprintf(r1, <u32>r2, r3, r4, <u32>r5);
    case HelperId.TraceVprintk:
      return traceVprintk(r1, <u32>r2, r3, <u32>r4);
    case HelperId.Loop:
      return loop(<u32>r1, r2, r3, r4);
    case HelperId.Strncmp: {
      const one = readable(r1, <u32>r2);
      const other = one === 0 ? 0 : readable(r3, stringRoom(r3, <u32>r2));
      return other === 0 ? 0 : compareStrings(one, <u32>r2, other);
    }
    case HelperId.KptrXchg:
      return exchangePointer(r1, r2);
    case HelperId.MapLookupPercpuElem:
      return mapLookupPercpu(r1, r2, r3);
    case HelperId.DynptrFromMem:
      return dynptrFromMem(r1, <u32>r2, r3, r4);
    case HelperId.RingbufReserveDynptr:
      return ringbufReserveDynptr(r1, <u32>r2, r3, r4);
    case HelperId.RingbufSubmitDynptr:
    case HelperId.RingbufDiscardDynptr:
      ringbufFinishDynptr(r1, id === HelperId.RingbufDiscardDynptr);
      return 0;
    case HelperId.DynptrRead:
      return dynptrRead(r1, <u32>r2, r3, <u32>r4, r5);
    case HelperId.DynptrWrite:
      return dynptrWrite(r1, <u32>r2, r3, <u32>r4, r5);
    case HelperId.DynptrData:
      return dynptrData(r1, <u32>r2, <u32>r3);
    case HelperId.UserRingbufDrain:
      return drainUserRingbuf(r1, r2, r3, r4);
    default:
      if (id >= VmCpumask.Begin && id < VmCpumask.End) return callCpumask(id, r1, r2, r3);
      if (id >= ObjectCall.First && id < ObjectCall.End) return callObject(id, r1, r2, r3);
      return askHost(id, r1, r2, r3, r4, r5);
  }
}

/** Goes on with helper `id` after the callback it asked for (callback.ts) has returned `value`. */
export function continueHelper(id: i32, value: u64): u64 {
  if (id === HelperId.Loop) return continueLoop(value);
  if (id === HelperId.ForEachMapElem) return continueForEach(value);
  if (id === HelperId.UserRingbufDrain) return continueDrain(value);
  if ((id & ObjectCall.Operation) === ObjectCall.TreeAdd) return continueAdd(value);
  // bpf_find_vma: one callback, whose value does not matter.
  return 0;
}

/** Number of the program (programs.ts) in slot `index` of a prog array (its kernel address); 0 when there is none. */
export function tailCallTarget(map: u64, index: u32): u32 {
  const programs = mapAtAddress(map);
  if (programs !== null && programs.type === MapType.ProgArray) return referenceAt(programs, index);
  raiseFault(FaultKind.BadArgument, map);
  return 0;
}

function callKfunc(id: i32, r1: u64, r2: u64, r3: u64, r4: u64): u64 {
  switch (id) {
    case VmKfunc.IterNumNew:
      return iterNumNew(r1, <i32>r2, <i32>r3);
    case VmKfunc.IterNumNext:
      return iterNumNext(r1);
    case VmKfunc.IterNumDestroy:
      iterNumDestroy(r1);
      return 0;
    case VmKfunc.IterBitsNew:
      return iterBitsNew(r1, r2, <u32>r3);
    case VmKfunc.IterBitsNext:
      return iterBitsNext(r1);
    case VmKfunc.IterBitsDestroy:
      iterBitsDestroy(r1);
      return 0;
    case VmKfunc.DynptrSize:
      return dynptrSize(r1);
    case VmKfunc.DynptrIsNull:
      return dynptrIsNull(r1) ? 1 : 0;
    case VmKfunc.DynptrIsRdonly:
      return dynptrIsReadOnly(r1) ? 1 : 0;
    case VmKfunc.DynptrAdjust:
      return dynptrAdjust(r1, <u32>r2, <u32>r3);
    case VmKfunc.DynptrClone:
      return dynptrClone(r1, r2);
    case VmKfunc.DynptrSlice:
      return dynptrSlice(r1, <u32>r2, r3, <u32>r4, true);
    case VmKfunc.DynptrSliceRdwr:
      return dynptrSlice(r1, <u32>r2, r3, <u32>r4, false);
    case VmKfunc.DynptrFromSkb:
      return dynptrFromPacket(r1, r2, r3, DynptrKind.Skb, false);
    case VmKfunc.DynptrFromSkbRdonly:
      return dynptrFromPacket(r1, r2, r3, DynptrKind.Skb, true);
    case VmKfunc.DynptrFromXdp:
      return dynptrFromPacket(r1, r2, r3, DynptrKind.Xdp, false);
    case VmKfunc.MapSumElemCount:
      return mapElementCount(r1);
    case VmKfunc.ObjDrop:
      return drop(r1);
    case VmKfunc.RefcountAcquire:
      return acquire(r1);
    case VmKfunc.ListPopFront:
    case VmKfunc.ListPopBack:
      return pop(r1, id === VmKfunc.ListPopBack);
    case VmKfunc.TreeRemove:
      return removeFromTree(r1, r2);
    case VmKfunc.TreeFirst:
      return leftmost(r1);
    case VmKfunc.PercpuObjectPtr:
      return percpuCopy(r1, r2);
    case VmKfunc.ThisCpuObjectPtr:
      return currentCopy(r1);
    case VmKfunc.SameObject:
    case VmKfunc.CastToKernCtx:
    case VmKfunc.RdonlyCast:
      return r1;
    default:
      return 0;
  }
}

/** bpf_probe_read_*: 0 or a negative errno, and then zeros in the destination. */
function probe(to: u64, size: u32, from: u64, user: bool): u64 {
  const at = writable(to, size);
  if (at === 0) return 0;
  const error = user ? probeUser(at, from, size) : probeKernel(at, from, size);
  if (error < 0) memory.fill(at, 0, size);
  return <u64>(<i64>error);
}

/** bpf_probe_read_*_str: bytes with NUL or a negative errno, and then zeros in the destination. */
function probeString(to: u64, size: u32, from: u64, user: bool): u64 {
  const at = writable(to, size);
  if (at === 0) return 0;
  const length = user ? probeUserString(at, from, size) : probeKernelString(at, from, size);
  if (length < 0) memory.fill(at, 0, size);
  return <u64>(<i64>length);
}

function parseNumber(id: i32, text: u64, length: u32, flags: u64, result: u64): u64 {
  const from = readable(text, length);
  const to = from === 0 ? 0 : writable(result, 8);
  if (to === 0) return 0;
  return id === HelperId.Strtol
    ? stringToLong(from, length, flags, to)
    : stringToUnsignedLong(from, length, flags, to);
}

/** Bytes of a NUL-terminated string that may be read: it may end before `longest`, and memory with it. */
function stringRoom(address: u64, longest: u32): u32 {
  let length: u32 = 0;
  while (length < longest) {
    const at = readable(address + length, 1);
    length++;
    if (at === 0 || load<u8>(at) === 0) break;
  }
  return length;
}

function spinLock(lock: u64, from: u32, to: u32): u64 {
  const at = writable(lock, 4);
  if (at === 0) return 0;
  if (load<u32>(at) !== from) raiseFault(FaultKind.Deadlock, lock);
  store<u32>(at, to);
  return 0;
}

/** bpf_kptr_xchg: stores a pointer, returns the one that stood there. */
function exchangePointer(place: u64, pointer: u64): u64 {
  const at = writable(place, 8);
  if (at === 0) return 0;
  const before = load<u64>(at);
  store<u64>(at, pointer);
  return before;
}
