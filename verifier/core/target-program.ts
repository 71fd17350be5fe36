/** The program that this one replaces a function of, or traces: whether that is allowed. */

import { Errno } from '../../bpf/errno.ts';
import { Request } from '../abi.ts';
import { TargetFact, TargetFlag, TargetFunction, TargetFunctionFlag } from '../btf-abi.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { SubprogFlag, subprogHas } from './subprog.ts';

/** BPF_PROG_TYPE_* */
const TRACING: u32 = 26;
const EXT: u32 = 28;
/** BPF_TRACE_FENTRY, BPF_TRACE_FEXIT */
const FENTRY: u32 = 24;
const FEXIT: u32 = 25;

/** Record of the function attached to, once it is found. */
let func: usize = 0;

function target(): usize {
  return <usize>env.requestWord(Request.AttachProgram);
}

/** Whether the program attaches to another program. */
export function hasTarget(): bool {
  return target() !== 0;
}

/** A word of `TargetFact`. */
export function targetFact(field: u32): u32 {
  return load<u32>(target() + field);
}

function functionHas(flag: u32): bool {
  return (load<u32>(func, TargetFunction.Flags) & flag) !== 0;
}

/** Whether the BTF of the function attached to says nothing about its arguments. */
export function targetIsUnreliable(): bool {
  return functionHas(TargetFunctionFlag.Unreliable);
}

function refuse(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function findFunction(id: u32): usize {
  const functions = <usize>targetFact(TargetFact.Functions);
  const count = targetFact(TargetFact.FunctionCount);
  for (let i: u32 = 0; i < count; i++) {
    const record = functions + i * TargetFunction.Size;
    if (load<u32>(record, TargetFunction.TypeId) === id) return record;
  }
  return 0;
}

function checkReplaced(): i32 {
  if (targetIsUnreliable()) return refuse(M.REPLACES_UNRELIABLE);
  const changes = subprogHas(0, SubprogFlag.ChangesPacket);
  return changes && !functionHas(TargetFunctionFlag.ChangesPacket) ? refuse(M.REPLACES_PACKET) : 0;
}

/** Chains of attached programs stay short, and none becomes a circle. */
function checkChain(): i32 {
  const type = targetFact(TargetFact.ProgType);
  if (env.progType === TRACING) {
    return (targetFact(TargetFact.Flags) & TargetFlag.Nested) !== 0 ? refuse(M.TARGET_NESTED) : 0;
  }
  if (type === env.progType) return refuse(M.TARGET_RECURSIVE);
  const attachType = targetFact(TargetFact.AttachType);
  const traces = type === TRACING && (attachType === FENTRY || attachType === FEXIT);
  return traces ? refuse(M.REPLACES_TRACING) : 0;
}

/** Checks the target program and its function `id`. 0 or -EINVAL. */
export function checkTargetProgram(id: u32, name: usize): i32 {
  func = findFunction(id);
  if (func === 0) {
    say(M.TARGET_NO_SUBPROG, <i64>name);
    return -Errno.EINVAL;
  }
  if (functionHas(TargetFunctionFlag.ExceptionCallback)) {
    say(M.TARGET_EXCEPTION_CALLBACK, text(env.progType === EXT ? 'Extension' : 'FENTRY/FEXIT'));
    return -Errno.EINVAL;
  }
  const error = env.progType === EXT ? checkReplaced() : 0;
  if (error !== 0) return error;
  const jited = (targetFact(TargetFact.Flags) & TargetFlag.Jited) !== 0;
  return jited ? checkChain() : refuse(M.TARGET_NOT_JITED);
}
