/** Kfuncs the program calls. */
import { Errno } from '../../bpf/errno.ts';
import { CallKind } from '../../bpf/isa.ts';
import { Request } from '../abi.ts';
import { KfuncField, KfuncFlag, KfuncState, Special } from '../kfunc-abi.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';

/** Functions one program may call, and parameters a function may have. */
const MAX_KFUNCS: u32 = 256;
const MAX_PARAMETERS: u32 = 12;

function recordOf(id: u32, slot: i32): usize {
  const count = env.requestWord(Request.KfuncCount);
  let at = <usize>env.requestWord(Request.Kfuncs);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(at, KfuncField.Id) === id && load<i32>(at, KfuncField.Slot) === slot) return at;
    at += KfuncField.Size;
  }
  return 0;
}

/** Record of the function that the call at an instruction refers to; 0 for none. */
export function kfuncAt(index: i32): usize {
  return recordOf(<u32>env.insnImm(index), env.insnOff(index));
}

/** `Special` number of the function called at an instruction. */
export function specialAt(index: i32): u32 {
  if (!env.isCall(index, CallKind.Kfunc)) return Special.None;
  const record = kfuncAt(index);
  return record === 0 ? Special.None : load<u32>(record, KfuncField.Special);
}

/** `Special` number of a function of the kernel itself. */
export function specialOf(id: i32): u32 {
  const record = recordOf(<u32>id, 0);
  return record === 0 ? Special.None : load<u32>(record, KfuncField.Special);
}

function refuse(message: string, errno: i32): i32 {
  say(message);
  return -errno;
}

function refuseBtf(slot: i32, state: u32): i32 {
  let error = -Errno.EBADF;
  if (slot < 0) error = refuse(M.KFUNC_NEGATIVE_SLOT, Errno.EINVAL);
  else if (state === KfuncState.NotModule) error = refuse(M.KFUNC_NOT_MODULE, Errno.EINVAL);
  else say(M.KFUNC_BAD_BTF_FD);
  say(M.KFUNC_NO_BTF);
  return error;
}

function refuseState(record: usize, id: i32, slot: i32): i32 {
  const state = load<u32>(record, KfuncField.State);
  switch (state) {
    case KfuncState.NotFunction:
      say(M.KFUNC_NOT_FUNCTION, <u32>id);
      return -Errno.EINVAL;
    case KfuncState.NoPrototype:
      say(M.KFUNC_NO_PROTOTYPE, <u32>id);
      return -Errno.EINVAL;
    case KfuncState.NoAddress:
      say(M.KFUNC_NO_ADDRESS, <i64>load<u32>(record, KfuncField.Name));
      return -Errno.EINVAL;
    case KfuncState.DeviceOnly:
      return refuse(M.KFUNC_DEVICE_ONLY, Errno.EINVAL);
    default:
      return refuseBtf(slot, state);
  }
}

/** A call of function `id` in the module of slot `slot`: whether there is one. 0 or a negative errno. */
export function addKfunc(id: i32, slot: i32): i32 {
  if (env.requestWord(Request.Gpl) === 0) return refuse(M.KFUNC_NOT_GPL, Errno.EINVAL);
  // Such a call may stand in code that is never reached.
  if (id === 0 && slot === 0) return 0;
  const record = recordOf(<u32>id, slot);
  if (record === 0) return refuseBtf(slot, KfuncState.NoBtf);
  if (load<u32>(record, KfuncField.State) !== KfuncState.Found) return refuseState(record, id, slot);
  const index = <u32>((record - <usize>env.requestWord(Request.Kfuncs)) / KfuncField.Size);
  if (index >= MAX_KFUNCS) return refuse(M.KFUNC_TOO_MANY, Errno.E2BIG);
  const count = load<u32>(record, KfuncField.ArgCount);
  if (count <= MAX_PARAMETERS) return 0;
  say(M.KFUNC_TOO_MANY_PARAMETERS, <i64>load<u32>(record, KfuncField.Name), count);
  return -Errno.EINVAL;
}

/** Whether the call at an instruction advances an iterator. */
export function isIterNext(index: i32): bool {
  const record = kfuncAt(index);
  if (record === 0 || load<u32>(record, KfuncField.Allowed) === 0) return false;
  return (load<u32>(record, KfuncField.Flags) & KfuncFlag.IterNext) !== 0;
}

/** Whether the call at an instruction may move packet data: no kernel function does. */
export function kfuncChangesPacket(_index: i32): bool {
  return false;
}

/** Whether the function called runs under the lock of a tree, or compares nodes of one. */
export function isRbtreeKfunc(index: i32): bool {
  const special = specialAt(index);
  return special === Special.RbtreeAdd || special === Special.RbtreeRemove || special === Special.RbtreeFirst;
}

/** Whether the function called runs a callback before it returns. */
export function runsCallbackNow(index: i32): bool {
  return specialAt(index) === Special.RbtreeAdd;
}

/** Whether the function called arranges for a callback to run later. */
export function runsCallbackLater(index: i32): bool {
  return specialAt(index) === Special.WqSetCallback;
}
