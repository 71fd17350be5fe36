/**
 * The context: which accesses a program's type permits and what they give. The rules are rows that the host
 * compiled for this program from the profile (kernel-model/ctx-access.ts tells their meaning).
 */
import { Errno } from '../../bpf/errno.ts';
import { CtxField, CtxHead, Request } from '../abi.ts';
import { Reg } from '../types.ts';
import { checkBtfCtx } from './btf-ctx.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import * as M from './messages.ts';

/* What the last permitted access gives: a register type, and for BTF pointers Btf and type id. */
export let ctxType: u32 = 0;
export let ctxBtf: u32 = 0;
export let ctxBtfId: u32 = 0;
/** The access reads the traced function's return value. */
export let ctxIsReturn: bool = false;

export function setCtxResult(type: u32, btf: u32, id: u32, isReturn: bool): void {
  ctxType = type;
  ctxBtf = btf;
  ctxBtfId = id;
  ctxIsReturn = isReturn;
}

function word(row: usize, field: u32): u32 {
  return load<u32>(row + field);
}

/** Whether a row takes an access of this size. */
function fits(row: usize, off: i32, size: u32, signExtend: bool): bool {
  if ((word(row, CtxField.Sizes) & size) === 0) return false;
  if (word(row, CtxField.Within) !== 0 && <u32>off + size > word(row, CtxField.End)) return false;
  return !(signExtend && word(row, CtxField.NoSignExtend) !== 0);
}

function take(row: usize, index: i32): void {
  const type = word(row, CtxField.Type);
  setCtxResult(type, env.vmlinuxBtf, word(row, CtxField.BtfId), false);
  if ((type & Reg.BaseMask) !== Reg.BtfId) env.aux(index).ctxFieldSize = word(row, CtxField.FieldSize);
}

/** Whether the rules (a CtxHead record) permit the access at `off`. */
function isPermitted(rules: usize, index: i32, off: i32, size: u32, write: bool, signExtend: bool): bool {
  const limit = word(rules, CtxHead.ContextSize);
  const reach = word(rules, CtxHead.BoundEnd) !== 0 ? <u32>off + size : <u32>off + 1;
  if (off < 0 || reach > limit) return false;
  if (word(rules, CtxHead.Unaligned) === 0 && <u32>off % size !== 0) return false;
  const rows = <usize>word(rules, CtxHead.Rows);
  for (let i: u32 = 0; i < word(rules, CtxHead.RowCount); i++) {
    const row = rows + i * CtxField.Size;
    if (<u32>off < word(row, CtxField.Start) || <u32>off >= word(row, CtxField.End)) continue;
    if ((word(row, CtxField.Write) !== 0) !== write) continue;
    if (fits(row, off, size, signExtend)) {
      take(row, index);
      return word(rules, CtxHead.BtfArgs) === 0 || checkBtfCtx(off, size);
    }
    if (word(row, CtxField.More) === 0) return false;
  }
  return false;
}

/** Checks an access to the context; `ctxType` and its companions then say what it gives. 0 or -EACCES. */
export function checkCtxAccess(index: i32, off: i32, size: u32, write: bool, signExtend: bool): i32 {
  setCtxResult(Reg.Scalar, 0, 0, false);
  const rules = <usize>env.requestWord(Request.CtxRules);
  if (rules !== 0 && isPermitted(rules, index, off, size, write, signExtend)) return 0;
  say(M.BAD_CTX, off, size);
  return -Errno.EACCES;
}

/** Fields of sockets, by the type of the pointer. */
export function checkSockField(type: u32, index: i32, off: i32, size: u32): bool {
  let field: u32 = 0;
  if (type === Reg.Socket) field = Request.SockRules;
  else if (type === Reg.SockCommon) field = Request.SockCommonRules;
  else if (type === Reg.TcpSock) field = Request.TcpSockRules;
  else field = Request.XdpSockRules;
  const rules = <usize>env.requestWord(field);
  return rules !== 0 && isPermitted(rules, index, off, size, false, false);
}
