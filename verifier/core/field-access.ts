/** Special fields of map values: plain loads and stores must not touch them; kptrs have rules of their own. */
import { Errno } from '../../bpf/errno.ts';
import { Class, Mode } from '../../bpf/isa.ts';
import { MapField } from '../abi.ts';
import { RecordField } from '../btf-abi.ts';
import { Field, Flag, Reg } from '../types.ts';
import { isKernelBtf, typeNameBytes } from './btf.ts';
import { setBtfPointer, structIdsMatch } from './btf-walk.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { markPrecise } from './precision.ts';
import { inRcuSection } from './rcu.ts';
import { fieldAt, fieldCount, fieldName, fieldOf, fieldWord, recordHas } from './record.ts';
import { RegState } from './reg.ts';
import { checkFixedOffset } from './region.ts';
import { isRcuProtected } from './trust.ts';

const POINTER_BYTES: i32 = 8;

function refuse(message: string): i32 {
  say(message);
  return -Errno.EACCES;
}

function checkOverlap(field: u32, reg: RegState, off: i32, size: i32, direct: bool): i32 {
  const kind = fieldWord(field, RecordField.Type);
  if ((kind & Field.Kptr) === 0) {
    say(M.FIELD_ACCESS, text(fieldName(kind)));
    return -Errno.EACCES;
  }
  if (!direct) return refuse(M.KPTR_INDIRECT);
  if (reg.mask !== 0) return refuse(M.KPTR_VARIABLE);
  const start = fieldWord(field, RecordField.Offset);
  const at = <u64>(<i64>off) + reg.value;
  if (<u64>start !== at) {
    say(M.KPTR_MISALIGNED, start, at);
    return -Errno.EACCES;
  }
  return size === POINTER_BYTES ? 0 : refuse(M.KPTR_SIZE);
}

/** Whether an access to [off, off + size) of the value in `register` spares its special fields. */
export function checkFieldAccess(register: u32, off: i32, size: i32, direct: bool): i32 {
  const reg = env.currentReg(register);
  const record = mapWord(reg.word0, MapField.Record);
  for (let i: u32 = 0; i < fieldCount(record); i++) {
    const field = fieldOf(record, i);
    const start = fieldWord(field, RecordField.Offset);
    const end = start + fieldWord(field, RecordField.Bytes);
    if (reg.smin + off >= <i64>end || <u64>start >= reg.umax + <u64>(<i64>off) + <u64>(<i64>size)) continue;
    const error = checkOverlap(field, reg, off, size, direct);
    if (error !== 0) return error;
  }
  return 0;
}

/** Address of the kptr field at a constant offset of a map's value, 0 for none. */
export function kptrAt(map: u32, off: i32): u32 {
  return off < 0 ? 0 : fieldAt(mapWord(map, MapField.Record), <u32>off, Field.Kptr);
}

/* kptrs. */

/** Flags a pointer may have besides its type when it is stored in the field. */
function allowedFlags(kind: u32, reg: RegState): u32 {
  if (!isKernelBtf(reg.word0)) {
    return Flag.MaybeNull | Flag.Alloc | (kind === Field.KptrPercpu ? <u32>Flag.Percpu : 0);
  }
  const untrusted = kind === Field.KptrUnref ? <u32>Flag.Untrusted : 0;
  return Flag.MaybeNull | Flag.Trusted | Flag.Rcu | untrusted;
}

function refuseKptrType(field: u32, reg: RegState, register: u32, named: bool): i32 {
  const target = <i64>typeNameBytes(fieldWord(field, RecordField.Btf), fieldWord(field, RecordField.TypeId));
  say(M.KPTR_TYPE, register, typeName(reg.type));
  if (named) say('%z', <i64>typeNameBytes(reg.word0, reg.word2));
  say(M.KPTR_EXPECTED, typeName(Reg.BtfId));
  say('%z', target);
  if (fieldWord(field, RecordField.Type) === Field.KptrUnref) {
    say(M.KPTR_EXPECTED_OR, typeName(Reg.BtfId | Flag.Untrusted));
    say('%z', target);
  }
  say('\n');
  return -Errno.EINVAL;
}

/** Whether the pointer in `register` is of the type that a kptr field holds. 0 or a negative errno. */
export function checkKptrType(field: u32, register: u32): i32 {
  const reg = env.currentReg(register);
  const kind = fieldWord(field, RecordField.Type);
  if ((reg.type & Reg.BaseMask) !== Reg.BtfId) return refuseKptrType(field, reg, register, false);
  const unexpected = reg.type & ~(<u32>Reg.BaseMask) & ~allowedFlags(kind, reg);
  const percpu = (reg.type & Flag.Percpu) !== 0;
  if (unexpected !== 0 || percpu !== (kind === Field.KptrPercpu)) {
    return refuseKptrType(field, reg, register, false);
  }
  if (checkFixedOffset(reg, register, true) !== 0) return -Errno.EACCES;
  const matches = structIdsMatch(
    reg.word0,
    reg.word2,
    reg.off,
    fieldWord(field, RecordField.Btf),
    fieldWord(field, RecordField.TypeId),
    kind !== Field.KptrUnref,
    (reg.type & Flag.Alloc) === 0,
  );
  return matches ? 0 : refuseKptrType(field, reg, register, true);
}

/** Flags of a pointer loaded from a kptr field. */
function loadedFlags(field: u32): u32 {
  const kind = fieldWord(field, RecordField.Type);
  const btf = fieldWord(field, RecordField.Btf);
  const isProtected =
    kind === Field.KptrPercpu ||
    (kind === Field.KptrRef && isRcuProtected(btf, fieldWord(field, RecordField.TypeId)));
  if (!isProtected || !inRcuSection()) return Flag.MaybeNull | Flag.Untrusted;
  let flags: u32 = Flag.MaybeNull | Flag.Rcu;
  if (kind === Field.KptrPercpu) flags |= Flag.Percpu;
  else if (!isKernelBtf(btf)) flags |= Flag.Alloc;
  if (recordHas(fieldWord(field, RecordField.Pointee), Field.GraphNode)) flags |= Flag.NonOwnRef;
  return flags;
}

function storeKptr(value: i32, field: u32): i32 {
  const reg = env.currentReg(value);
  if (reg.isConst && reg.value === 0) return markPrecise(value);
  return checkKptrType(field, value) === 0 ? 0 : -Errno.EACCES;
}

/** A load or store of a kptr field. 0 or a negative errno. */
export function checkKptrAccess(value: i32, index: i32, field: u32): i32 {
  const cls = env.insnClass(index);
  const kind = fieldWord(field, RecordField.Type);
  if ((env.insnCode(index) & Mode.Mask) !== Mode.Mem) return refuse(M.KPTR_MODE);
  if (cls !== Class.Ldx && (kind === Field.KptrRef || kind === Field.KptrPercpu)) return refuse(M.KPTR_STORE);
  if (cls === Class.Ldx) {
    const btf = fieldWord(field, RecordField.Btf);
    setBtfPointer(env.currentReg(value), loadedFlags(field), btf, fieldWord(field, RecordField.TypeId));
    return 0;
  }
  if (cls === Class.Stx) return storeKptr(value, field);
  if (cls !== Class.St) return refuse(M.KPTR_CLASS);
  if (env.insnImm(index) === 0) return 0;
  say(M.KPTR_NOT_ZERO, fieldWord(field, RecordField.Offset));
  return -Errno.EACCES;
}
