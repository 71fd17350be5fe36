/**
 * What the passes after exploration still change or refuse. Programs are not rewritten here; what a rewrite
 * would add to the stack counts, and what it cannot do is an error.
 */
import { Errno } from '../../bpf/errno.ts';
import { CallKind, Class, Jmp } from '../../bpf/isa.ts';
import { AttachFlag } from '../btf-abi.ts';
import { Helper } from '../helper-abi.ts';
import { attachHas } from './btf-facts.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';
import {
  addDefaultCatcher,
  dropUnreachedSubprogs,
  noteSubprogFacts,
  Subprog,
  subprog,
  subprogCount,
  subprogEnd,
} from './subprog.ts';

/** Stack that an inlined bpf_loop (three saved registers) and may_goto (its counter) need. */
const LOOP_STACK: u32 = 24;
const MAY_GOTO_STACK: u32 = 8;
/** Where the context is kept for an epilogue. */
const EPILOGUE_STACK: u32 = 8;
/** Bit of InsnAux.loopInline: the call fits for inlining. */
const INLINE_FITS: u32 = 2;

/** Without privileges the index of a tail call is masked, which needs one map to be known. */
function checkTailCall(index: i32): i32 {
  const record = env.aux(index);
  const masked: u32 = env.AuxFlag.Seen | env.AuxFlag.MapUnpriv | env.AuxFlag.MapPoisoned;
  if ((record.flags & masked) !== masked) return 0;
  say(M.TAIL_CALL_MAP);
  return -Errno.EINVAL;
}

/** A call of no function may only stand in code that is never reached. */
function checkKfunc(index: i32): i32 {
  if (env.insnImm(index) !== 0 || !env.auxHas(index, env.AuxFlag.Seen)) return 0;
  say(M.KFUNC_NOT_ELIMINATED);
  return -Errno.EINVAL;
}

function isInlinedLoop(index: i32): bool {
  const calls = env.isCall(index, CallKind.Helper) && env.insnImm(index) === Helper.Loop;
  return calls && (env.aux(index).loopInline & INLINE_FITS) !== 0;
}

function isMayGoto(index: i32): bool {
  return env.insnCode(index) === (Class.Jmp | Jmp.Cond) && env.auxHas(index, env.AuxFlag.Seen);
}

function addRewrites(record: Subprog, end: i32): i32 {
  let loop = false;
  let mayGoto = false;
  for (let i = record.start; i < end; i++) {
    if (isInlinedLoop(i)) loop = true;
    else if (isMayGoto(i)) mayGoto = true;
    let error = 0;
    if (env.isCall(i, CallKind.Kfunc)) error = checkKfunc(i);
    else if (env.isCall(i, CallKind.Helper) && env.insnImm(i) === Helper.TailCall) error = checkTailCall(i);
    if (error !== 0) return error;
  }
  if (loop) record.stackDepth = ((record.stackDepth + 7) & ~7) + LOOP_STACK;
  if (record.start === 0 && attachHas(AttachFlag.Epilogue)) record.stackDepth += EPILOGUE_STACK;
  if (mayGoto) record.stackDepth += MAY_GOTO_STACK;
  return 0;
}

/** 0 or a negative errno. */
export function checkRewrites(): i32 {
  noteSubprogFacts();
  // Without CAP_BPF unreached code is made harmless where it stands.
  if (env.bpfCapable) dropUnreachedSubprogs();
  for (let i: u32 = 0; i < subprogCount(); i++) {
    const error = addRewrites(subprog(i), subprogEnd(i));
    if (error !== 0) return error;
  }
  addDefaultCatcher();
  return 0;
}
