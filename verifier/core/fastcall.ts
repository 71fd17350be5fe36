/**
 * Fastcall patterns: compilers put spills before and fills behind calls that leave R1-R5 alone, so that programs
 * run on kernels that do not know. Where those slots serve nothing else, spills and fills go, and their stack too.
 */
import { CallKind, Class, Jmp, Mode, Size } from '../../bpf/isa.ts';
import { Helper, HelperArg, HelperField, HelperFlag, HelperState } from '../helper-abi.ts';
import { KfuncField, RetKind, Special } from '../kfunc-abi.ts';
import { Arg, Ret } from '../types.ts';
import * as env from './env.ts';
import { helperArg, helperHas, helperRecord, helperWord } from './helper-table.ts';
import { kfuncAt } from './kfunc-table.ts';
import { FuncState } from './state.ts';
import { SubprogFlag, subprog, subprogCount, subprogEnd, subprogHas, subprogSet } from './subprog.ts';

/** R0..R5, which calls clobber by the calling convention. */
const CALLER_SAVED: u32 = 0x3f;
const MOST_SPILLS: i32 = 6;
/** `Subprog.fastcallOffset` once something else uses the slots. */
const BROKEN: i32 = -32768;
const SPILL: u32 = <u32>Class.Stx | <u32>Mode.Mem | <u32>Size.Dw;
const FILL: u32 = <u32>Class.Ldx | <u32>Mode.Mem | <u32>Size.Dw;
const FRAME_POINTER: u32 = 10;

/** An access to the stack below the spills of fastcall patterns ends their special treatment. */
export function breakFastcallContract(func: FuncState, insn: i32, off: i32): void {
  const record = subprog(func.subprog);
  if (record.fastcallOffset <= off || env.auxHas(insn, env.AuxFlag.FastcallPattern)) return;
  record.fastcallOffset = BROKEN;
  for (let i = record.start; i < subprogEnd(func.subprog); i++) {
    const aux = env.aux(i);
    aux.fastcallSpills = 0;
    aux.flags &= ~(<u32>env.AuxFlag.FastcallPattern);
  }
}

/* What a call clobbers, were it a fastcall. */

/** Whether the kernel replaces the call by code that leaves the other registers alone. */
let inlined: bool = false;

function clobberedByHelper(index: i32): u32 {
  const id = env.insnImm(index);
  const record = helperRecord(id);
  if (record === 0 || helperWord(record, HelperField.State) !== HelperState.Available) return CALLER_SAVED;
  inlined = helperHas(record, HelperFlag.Fastcall) && id === Helper.SmpProcessorId;
  let mask: u32 = helperWord(record, HelperField.Ret) === Ret.Void ? 0 : 1;
  for (let i: u32 = 0; i < 5; i++) {
    if (helperArg(record, i, HelperArg.Type) !== Arg.DontCare) mask |= 2 << i;
  }
  return mask;
}

function clobberedByKfunc(index: i32): u32 {
  const record = kfuncAt(index);
  if (record === 0 || load<u32>(record, KfuncField.Allowed) === 0) return CALLER_SAVED;
  const special = load<u32>(record, KfuncField.Special);
  inlined = special === Special.CastToKernCtx || special === Special.RdonlyCast;
  const result: u32 = load<u32>(record, KfuncField.RetKind) === RetKind.Void ? 0 : 1;
  return result | (((1 << load<u32>(record, KfuncField.ArgCount)) - 1) << 1);
}

function clobberedBy(index: i32): u32 {
  inlined = false;
  if (env.isCall(index, CallKind.Helper)) return clobberedByHelper(index);
  return env.isCall(index, CallKind.Kfunc) ? clobberedByKfunc(index) : CALLER_SAVED;
}

/* Patterns. */

/** Whether the two instructions are a spill and a fill of one register that the call leaves alone. */
function isPair(spill: i32, fill: i32, off: i32, registers: u32): bool {
  if (env.insnCode(spill) !== SPILL || env.insnCode(fill) !== FILL) return false;
  if (env.insnDst(spill) !== FRAME_POINTER || env.insnSrc(fill) !== FRAME_POINTER) return false;
  const register = env.insnSrc(spill);
  if (register !== env.insnDst(fill) || ((registers >> register) & 1) === 0) return false;
  return env.insnOff(spill) === off && env.insnOff(fill) === off;
}

function isJumpTarget(index: i32): bool {
  return env.auxHas(index, env.AuxFlag.JumpTarget);
}

/** Pairs around the call at an instruction, from the lowest slot upwards. */
function markPattern(owner: u32, index: i32, lowest: i32): void {
  const clobbered = clobberedBy(index);
  let registers = ~clobbered & CALLER_SAVED;
  if (registers === 0) return;
  let pairs = 0;
  let off = lowest;
  while (pairs < MOST_SPILLS) {
    const spill = index - pairs - 1;
    const fill = index + pairs + 1;
    if (spill < 0 || fill >= <i32>env.insnCount) break;
    // Entered in its middle, a pattern would not run as a whole.
    if (isJumpTarget(spill + 1) || isJumpTarget(fill) || !isPair(spill, fill, off, registers)) break;
    registers &= ~((<u32>1) << env.insnSrc(spill));
    env.auxSet(spill, env.AuxFlag.FastcallPattern);
    env.auxSet(fill, env.AuxFlag.FastcallPattern);
    pairs++;
    off += 8;
  }
  if (pairs === 0) return;
  const aux = env.aux(index);
  if (inlined) aux.fastcallSpills = <u8>pairs;
  else subprogSet(owner, SubprogFlag.KeepFastcallStack);
  const record = subprog(owner);
  record.fastcallOffset = min(record.fastcallOffset, off);
}

function lowestSpill(owner: u32): i32 {
  let lowest = 0;
  for (let i = subprog(owner).start; i < subprogEnd(owner); i++) {
    const isSpill = env.insnCode(i) === SPILL && env.insnDst(i) === FRAME_POINTER;
    if (isSpill) lowest = min(lowest, env.insnOff(i));
  }
  return lowest;
}

/** Finds spills and fills around calls that clobber less than usual. */
export function markFastcallPatterns(): void {
  for (let owner: u32 = 0; owner < subprogCount(); owner++) {
    const lowest = lowestSpill(owner);
    for (let i = subprog(owner).start; i < subprogEnd(owner); i++) {
      if (env.insnCode(i) === (Class.Jmp | Jmp.Call)) markPattern(owner, i, lowest);
    }
  }
}

/** The program is safe: subprograms without their fastcall spills need less stack. */
export function dropFastcallSpills(): void {
  for (let owner: u32 = 0; owner < subprogCount(); owner++) {
    let dropped = false;
    for (let i = subprog(owner).start; i < subprogEnd(owner) && !dropped; i++) {
      dropped = env.aux(i).fastcallSpills !== 0;
    }
    const record = subprog(owner);
    if (dropped && !subprogHas(owner, SubprogFlag.KeepFastcallStack))
      record.stackDepth = -record.fastcallOffset;
  }
}
