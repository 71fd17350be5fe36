/** The kfunc call being checked: its record (kfunc-abi.ts), and what its arguments have told so far. */
import { Request } from '../abi.ts';
import { ArgMark, KfuncArg, KfuncFacts, KfuncField, KfuncFlag } from '../kfunc-abi.ts';
import * as env from './env.ts';

@unmanaged
export class KfuncCall {
  record: u32;
  flags: u32;
  special: u32;
  /** Reference among the arguments, 0 for none, and the register whose reference the call releases. */
  refId: u32;
  released: u32;
  /** Type of an argument that the result or a release depends on. */
  argBtf: u32;
  argBtfId: u32;
  /** The object to refer to once more is owned by the program. */
  ownsArg: bool;
  hasConstant: bool;
  readOnlyResult: bool;
  pad: u8;
  /** Constant argument: a size, or a type id. */
  constant: u64;
  /** Bytes of the memory returned, 0 when not said. */
  resultSize: u64;
  /** Subprogram that is a callback. */
  callback: u32;
  map: u32;
  mapUid: u32;
  dynptrId: u32;
  dynptrKind: u32;
  dynptrRefId: u32;
  /** Field records of the list head or tree root. */
  listHead: u32;
  rbRoot: u32;
  /** Stack slot and frame of the iterator. */
  iterSlot: u32;
  iterFrame: u32;
}

const place: usize = memory.data(128, 8);

/** The one call that is checked now. */
export const call: KfuncCall = changetype<KfuncCall>(place);

/** Begins with the call of the function with this record. */
export function beginKfuncCall(record: usize): void {
  memory.fill(place, 0, 128);
  call.record = <u32>record;
  call.flags = load<u32>(record, KfuncField.Flags);
  call.special = load<u32>(record, KfuncField.Special);
}

export function callHas(flag: u32): bool {
  return (call.flags & flag) !== 0;
}

/** Only pointers known to be valid are accepted. */
export function wantsTrusted(): bool {
  return callHas(KfuncFlag.TrustedArgs | KfuncFlag.Release);
}

export function callWord(field: u32): u32 {
  return load<u32>(<usize>call.record + field);
}

/** Name of the function as a %z value. */
export function callName(): i64 {
  return <i64>callWord(KfuncField.Name);
}

/** A word of parameter 0..4. */
export function argWord(index: u32, field: u32): u32 {
  return load<u32>(<usize>call.record + KfuncField.Args + index * KfuncArg.Bytes + field);
}

export function argHas(index: u32, mark: u32): bool {
  return (argWord(index, KfuncArg.Marks) & mark) !== 0;
}

/** Whether parameter `index` gives the size of the memory before it. */
export function isSizeArg(index: u32): bool {
  return argHas(index, ArgMark.Size | ArgMark.ConstSize);
}

/** A word of what all calls share. */
export function kfuncFact(field: KfuncFacts): u32 {
  return load<u32>(<usize>env.requestWord(Request.KfuncFacts) + field);
}
