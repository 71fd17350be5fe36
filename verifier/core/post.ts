/** What the passes after exploration can still refuse. */
import { Errno } from '../../bpf/errno.ts';
import { CallKind } from '../../bpf/isa.ts';
import { Helper } from '../helper-abi.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';

/** Without privileges the index of a tail call is masked, which needs one map to be known. */
function checkTailCall(index: i32): i32 {
  if (!env.auxHas(index, env.AuxFlag.Seen) || !env.auxHas(index, env.AuxFlag.MapUnpriv)) return 0;
  if (!env.auxHas(index, env.AuxFlag.MapPoisoned)) return 0;
  say(M.TAIL_CALL_MAP);
  return -Errno.EINVAL;
}

/** 0 or a negative errno. */
export function checkRewrites(): i32 {
  for (let i: i32 = 0; i < <i32>env.insnCount; i++) {
    if (!env.isCall(i, CallKind.Helper) || env.insnImm(i) !== Helper.TailCall) continue;
    const error = checkTailCall(i);
    if (error !== 0) return error;
  }
  return 0;
}
