/** Arguments of kfuncs that point to structs of the kernel: whether the pointee is, or begins with, the wanted one. */
import { Errno } from '../../bpf/errno.ts';
import { KfuncArg, KfuncFacts, KfuncField, KfuncFlag } from '../kfunc-abi.ts';
import { Flag, Reg } from '../types.ts';
import { isText, kindName, kindOf, skipModifiers, stringLength, typeNameBytes } from './btf.ts';
import { structIdsMatch } from './btf-walk.ts';
import * as env from './env.ts';
import { argWord, callHas, callName, callWord, kfuncFact } from './kfunc-call.ts';
import { structOfBase } from './kfunc-type.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { RegState } from './reg.ts';

const ALIAS_SUFFIX = '___init';

/** One name is the other with the suffix of objects that are not set up yet. */
function isAlias(a: usize, b: usize): bool {
  const longer = stringLength(a) > stringLength(b) ? a : b;
  const shorter = longer === a ? b : a;
  const length = stringLength(shorter);
  if (stringLength(longer) !== length + <u32>ALIAS_SUFFIX.length) return false;
  if (!isText(longer + length, ALIAS_SUFFIX)) return false;
  return memory.compare(longer, shorter, length) === 0;
}

/** The wanted struct is the program's view of what the register points to. */
function isView(wanted: usize, given: usize): bool {
  if (isText(wanted, '__sk_buff')) return isText(given, 'sk_buff');
  return isText(wanted, 'xdp_md') && isText(given, 'xdp_buff');
}

/** Whether parameter `index` accepts what the register points to. `isMap`: any struct bpf_map. */
export function checkStructArg(index: u32, reg: RegState, isMap: bool): i32 {
  const isBtf = (reg.type & Reg.BaseMask) === Reg.BtfId;
  const btf = isBtf ? reg.word0 : env.vmlinuxBtf;
  const id = isBtf ? reg.word2 : structOfBase(reg.type & Reg.BaseMask);
  const wantedBtf = callWord(KfuncField.Btf);
  const wantedId = isMap ? kfuncFact(KfuncFacts.MapId) : argWord(index, KfuncArg.RefId);
  const wantedName = typeNameBytes(wantedBtf, wantedId);
  const strict =
    (callHas(KfuncFlag.Release) && reg.refId !== 0) || isAlias(typeNameBytes(btf, id), wantedName);
  const given = skipModifiers(btf, id);
  if (structIdsMatch(btf, given, reg.off, wantedBtf, wantedId, strict, (reg.type & Flag.Alloc) === 0))
    return 0;
  const givenName = typeNameBytes(btf, given);
  if (isView(wantedName, givenName)) return 0;
  const kind = text(kindName(kindOf(wantedBtf, wantedId)));
  say(M.KFUNC_WRONG_STRUCT, callName(), index, kind, <i64>wantedName, index + 1);
  say(M.KFUNC_WRONG_STRUCT_TAIL, text(kindName(kindOf(btf, given))), <i64>givenName);
  return -Errno.EINVAL;
}
