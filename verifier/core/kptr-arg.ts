/** bpf_kptr_xchg: a field of a map value or allocated object, and the pointer that goes into it. */
import { Errno } from '../../bpf/errno.ts';
import { MapField } from '../abi.ts';
import { RecordField } from '../btf-abi.ts';
import { Field, Flag, Reg } from '../types.ts';
import { isKernelBtf } from './btf.ts';
import { meta } from './call-meta.ts';
import { firstReg, isReg, nextReg, SPILLS } from './each-reg.ts';
import * as env from './env.ts';
import { checkKptrType } from './field-access.ts';
import { say } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { inRcuSection } from './rcu.ts';
import { fieldAt, fieldWord, recordHas, recordOf } from './record.ts';
import { dropReference, invalidateReg } from './refs.ts';
import { RegState, setKnown } from './reg.ts';

/** The field that `register` points to; it becomes `meta.kptrField`. 0 or a negative errno. */
export function checkKptrDestination(register: u32): i32 {
  const reg = env.currentReg(register);
  if (reg.type === Reg.MapValue) {
    if (mapWord(reg.word0, MapField.Btf) === 0) {
      say(M.KPTR_NO_BTF, mapWord(reg.word0, MapField.Name));
      return -Errno.EINVAL;
    }
    meta.map = reg.word0;
  }
  if (reg.mask !== 0) {
    say(M.KPTR_OFFSET, register);
    return -Errno.EINVAL;
  }
  const record = recordOf(reg);
  if (!recordHas(record, Field.Kptr)) {
    say(M.KPTR_NONE, register);
    return -Errno.EINVAL;
  }
  const off = reg.off + <i32>reg.value;
  const field = fieldAt(record, off, Field.Kptr);
  if (field === 0) {
    say(M.KPTR_PLACE, off);
    return -Errno.EACCES;
  }
  if (fieldWord(field, RecordField.Type) === Field.KptrUnref) {
    say(M.KPTR_UNREFERENCED, off);
    return -Errno.EACCES;
  }
  meta.kptrField = field;
  return 0;
}

/** Whether the pointer in `register` may be stored in `meta.kptrField`. */
export function checkKptrSource(register: u32): i32 {
  return checkKptrType(meta.kptrField, register) === 0 ? 0 : -Errno.EACCES;
}

/** The reference goes into the field. Per-CPU objects stay readable under RCU. 0 or -EINVAL. */
export function releaseSwapped(id: u32): i32 {
  const error = dropReference(id);
  if (error !== 0) return error;
  const stays = inRcuSection();
  const ownPercpu: u32 = Flag.Alloc | Flag.Percpu;
  for (let reg = firstReg(env.state, SPILLS); isReg(reg); reg = nextReg()) {
    if (reg.refId !== id) continue;
    if (stays && (reg.type & ownPercpu) === ownPercpu) {
      reg.refId = 0;
      reg.type = (reg.type & ~(<u32>Flag.Alloc)) | Flag.Rcu;
    } else {
      invalidateReg(reg);
    }
  }
  return 0;
}

/** R0 is what the field held before. */
export function setSwapped(reg: RegState, flags: u32): void {
  const field = meta.kptrField;
  const btf = fieldWord(field, RecordField.Btf);
  setKnown(reg, 0);
  reg.type = Reg.BtfId | flags;
  if (!isKernelBtf(btf)) {
    reg.type |= Flag.Alloc;
    if (fieldWord(field, RecordField.Type) === Field.KptrPercpu) reg.type |= Flag.Percpu;
  }
  reg.word0 = btf;
  reg.word2 = fieldWord(field, RecordField.TypeId);
}
