/**
 * Linked lists and red-black trees of allocated objects: roots under a lock, nodes that a push or add gives away,
 * pointers that are good as long as the lock is held.
 */
import { Errno } from '../../bpf/errno.ts';
import { RecordField } from '../btf-abi.ts';
import { Special } from '../kfunc-abi.ts';
import { Field, Flag, Reg } from '../types.ts';
import { typeNameBytes } from './btf.ts';
import { structIdsMatch } from './btf-walk.ts';
import { inLockedCallback } from './callback.ts';
import { firstReg, isReg, nextReg, SPILLS } from './each-reg.ts';
import * as env from './env.ts';
import { call } from './kfunc-call.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { fieldAt, fieldOffset, fieldWord, recordOf } from './record.ts';
import { RegState, setKnownZero } from './reg.ts';

const OWNED: u32 = <u32>Reg.BtfId | <u32>Flag.Alloc;

export function isListCall(special: u32): bool {
  return special >= <u32>Special.ListPushFront && special <= <u32>Special.ListPopBack;
}

export function isTreeCall(special: u32): bool {
  return special === Special.RbtreeAdd || special === Special.RbtreeRemove || special === Special.RbtreeFirst;
}

/** Whether the call may be made under a spin lock. */
export function isGraphCall(special: u32): bool {
  return isListCall(special) || isTreeCall(special) || special === Special.RefcountAcquire;
}

/** Whether the call gives a node away to a list or tree. */
export function insertsNode(special: u32): bool {
  return (
    special === Special.ListPushFront || special === Special.ListPushBack || special === Special.RbtreeAdd
  );
}

function isOwnedObject(type: u32): bool {
  return (type & Reg.BaseMask) === Reg.BtfId && (type & Flag.Alloc) !== 0 && (type & Flag.Untrusted) === 0;
}

function isNonOwning(type: u32): bool {
  return isOwnedObject(type) && (type & Flag.NonOwnRef) !== 0;
}

function refuse(message: string): i32 {
  say(message);
  return -Errno.EINVAL;
}

function rootName(list: bool): i64 {
  return text(list ? 'bpf_list_head' : 'bpf_rb_root');
}

function nodeName(list: bool): i64 {
  return text(list ? 'bpf_list_node' : 'bpf_rb_node');
}

/* Roots. */

/** The lock that is held is the one beside the root. */
function isLocked(reg: RegState): bool {
  const state = env.state;
  if (state.lockObject === 0) return false;
  if (state.lockObject === reg.word0 && state.lockId === reg.id) return true;
  say(M.GRAPH_OTHER_LOCK);
  return false;
}

/** An argument that is a list head or tree root. 0 or a negative errno. */
export function checkGraphRoot(index: u32, list: bool): i32 {
  const register = index + 1;
  const reg = env.currentReg(register);
  if (reg.type !== Reg.MapValue && reg.type !== OWNED) {
    say(M.KFUNC_ROOT_PLACE, index);
    return -Errno.EINVAL;
  }
  if (reg.type === OWNED && reg.refId === 0) return refuse(M.KFUNC_UNREFERENCED);
  if (reg.mask !== 0) {
    say(M.GRAPH_VARIABLE, register, rootName(list));
    return -Errno.EINVAL;
  }
  const off = reg.off + <i32>reg.value;
  const field = fieldAt(recordOf(reg), off, list ? Field.ListHead : Field.RbRoot);
  if (field === 0) {
    say(M.GRAPH_NOT_FOUND, rootName(list), <u32>off);
    return -Errno.EINVAL;
  }
  if (!isLocked(reg)) {
    say(M.GRAPH_NEEDS_LOCK, fieldOffset(reg, Field.SpinLock), rootName(list));
    return -Errno.EINVAL;
  }
  if (list) call.listHead = field;
  else call.rbRoot = field;
  return 0;
}

/* Nodes. */

function checkNodeOwner(index: u32, reg: RegState): i32 {
  if (call.special === Special.RbtreeRemove) {
    if (!isNonOwning(reg.type) || reg.refId !== 0) return refuse(M.TREE_REMOVE_NODE);
    return inLockedCallback() ? refuse(M.TREE_REMOVE_CALLBACK) : 0;
  }
  if (reg.type !== OWNED) {
    say(M.KFUNC_NOT_ALLOCATED, index);
    return -Errno.EINVAL;
  }
  return reg.refId === 0 ? refuse(M.KFUNC_UNREFERENCED) : 0;
}

function checkNodePlace(reg: RegState, root: u32, off: i32, list: bool): i32 {
  const btf = fieldWord(root, RecordField.Btf);
  const struct = fieldWord(root, RecordField.TypeId);
  const place = <i32>fieldWord(root, RecordField.NodeOffset);
  const name = <i64>typeNameBytes(btf, struct);
  if (!structIdsMatch(reg.word0, reg.word2, 0, btf, struct, true, true)) {
    say(M.GRAPH_WRONG_STRUCT, rootName(list), nodeName(list), place, name);
    say(M.GRAPH_WRONG_STRUCT_TAIL, off, <i64>typeNameBytes(reg.word0, reg.word2));
    return -Errno.EINVAL;
  }
  call.argBtf = reg.word0;
  call.argBtfId = reg.word2;
  if (off === place) return 0;
  say(M.GRAPH_WRONG_OFFSET, off, nodeName(list), place, name);
  return -Errno.EINVAL;
}

/** An argument that is a node of the list or tree whose root came before. 0 or a negative errno. */
export function checkGraphNode(index: u32, list: bool): i32 {
  const register = index + 1;
  const reg = env.currentReg(register);
  const error = checkNodeOwner(index, reg);
  if (error !== 0) return error;
  if (reg.mask !== 0) {
    say(M.GRAPH_VARIABLE, register, nodeName(list));
    return -Errno.EINVAL;
  }
  const off = reg.off + <i32>reg.value;
  if (fieldAt(recordOf(reg), off, list ? Field.ListNode : Field.RbNode) === 0) {
    say(M.GRAPH_NOT_FOUND, nodeName(list), <u32>off);
    return -Errno.EINVAL;
  }
  return checkNodePlace(reg, list ? call.listHead : call.rbRoot, off, list);
}

/** bpf_refcount_acquire: an object that counts its references. 0 or a negative errno. */
export function checkRefcounted(index: u32): i32 {
  const reg = env.currentReg(index + 1);
  if (!isOwnedObject(reg.type)) {
    say(M.KFUNC_NOT_OWNED, index);
    return -Errno.EINVAL;
  }
  if (!isNonOwning(reg.type) && reg.refId !== 0) call.ownsArg = true;
  if (fieldOffset(reg, Field.Refcount) < 0) {
    say(M.KFUNC_NO_REFCOUNT, index);
    return -Errno.EINVAL;
  }
  call.argBtf = reg.word0;
  call.argBtfId = reg.word2;
  return 0;
}

/* Ownership. */

/** The register is good as long as the lock is held. 0 or -EFAULT. */
export function setNonOwning(reg: RegState): i32 {
  if (env.state.lockObject === 0) {
    say(M.BUG_NON_OWNING_LOCK);
    return -Errno.EFAULT;
  }
  if ((reg.type & Flag.NonOwnRef) !== 0) {
    say(M.BUG_NON_OWNING_SET);
    return -Errno.EFAULT;
  }
  reg.type |= Flag.NonOwnRef;
  if (fieldOffset(reg, Field.Refcount) >= 0) reg.type |= Flag.Rcu;
  return 0;
}

/** The list or tree owns the object now: the program's copies of the pointer stay, without its reference. */
export function giveAway(refId: u32): i32 {
  if (refId === 0) {
    say(M.BUG_NO_REF_ID);
    return -Errno.EFAULT;
  }
  const func = env.currentFrame();
  for (let i: u32 = 0; i < func.refCount; i++) {
    if (func.ref(i).id !== refId) continue;
    for (let reg = firstReg(env.state, SPILLS); isReg(reg); reg = nextReg()) {
      if (reg.refId !== refId) continue;
      reg.refId = 0;
      setNonOwning(reg);
    }
    return 0;
  }
  say(M.BUG_NO_REF_STATE);
  return -Errno.EFAULT;
}

/** The register points to a node of a root. */
export function setGraphNode(reg: RegState, root: u32): void {
  setKnownZero(reg);
  reg.type = OWNED;
  reg.word0 = fieldWord(root, RecordField.Btf);
  reg.word2 = fieldWord(root, RecordField.TypeId);
  reg.off = <i32>fieldWord(root, RecordField.NodeOffset);
}
