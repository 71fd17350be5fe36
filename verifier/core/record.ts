/** Special fields of map values and allocated objects: the records that the host read out of BTF. */
import { MapField } from '../abi.ts';
import { BtfFacts, RecordField, RecordHead, StructRecord } from '../btf-abi.ts';
import { Field, Flag, Reg } from '../types.ts';
import { btfFact } from './btf-facts.ts';
import { RegState } from './reg.ts';

function word(record: u32, field: u32): u32 {
  return load<u32>(<usize>record + field);
}

/** Record of a struct of a program's BTF, 0 when it has no special fields. */
export function structRecord(btf: u32, id: u32): u32 {
  const rows = <usize>btfFact(BtfFacts.Structs);
  let low: u32 = 0;
  let high = btfFact(BtfFacts.StructCount);
  while (low < high) {
    const middle = (low + high) >> 1;
    const row = rows + middle * StructRecord.Size;
    const rowBtf = load<u32>(row, StructRecord.Btf);
    const rowId = load<u32>(row, StructRecord.TypeId);
    if (rowBtf === btf && rowId === id) return load<u32>(row, StructRecord.Record);
    if (rowBtf < btf || (rowBtf === btf && rowId < id)) low = middle + 1;
    else high = middle;
  }
  return 0;
}

/** Record of what a register points to: a map's value or an allocated object; 0 for none. */
export function recordOf(reg: RegState): u32 {
  if (reg.type === Reg.MapValue) return word(reg.word0, MapField.Record);
  const object = (reg.type & Reg.BaseMask) === Reg.BtfId && (reg.type & Flag.Alloc) !== 0;
  return object ? structRecord(reg.word0, reg.word2) : 0;
}

export function recordHas(record: u32, field: u32): bool {
  return record !== 0 && (word(record, RecordHead.Mask) & field) !== 0;
}

/** Whether the map's value has a `Field`. */
export function mapHasField(map: u32, field: u32): bool {
  return recordHas(word(map, MapField.Record), field);
}

/** Whether the pointee has a bpf_spin_lock. */
export function pointsToSpinLock(reg: RegState): bool {
  return recordHas(recordOf(reg), Field.SpinLock);
}

/** Offset of the one lock, timer, workqueue or reference count of what a register points to; -1 for none. */
export function fieldOffset(reg: RegState, field: u32): i32 {
  const record = recordOf(reg);
  if (record === 0) return -1;
  switch (field) {
    case Field.SpinLock:
      return <i32>word(record, RecordHead.SpinLock);
    case Field.Timer:
      return <i32>word(record, RecordHead.Timer);
    case Field.Workqueue:
      return <i32>word(record, RecordHead.Workqueue);
    case Field.Refcount:
      return <i32>word(record, RecordHead.Refcount);
    default:
      return -1;
  }
}

export function fieldCount(record: u32): u32 {
  return record === 0 ? 0 : word(record, RecordHead.Count);
}

/** Address of field `index`, by offset. */
export function fieldOf(record: u32, index: u32): u32 {
  return record + RecordHead.Size + index * RecordField.Size;
}

/** One word of a field (`RecordField`). */
export function fieldWord(field: u32, what: u32): u32 {
  return word(field, what);
}

/** Address of the field of one of these kinds that begins exactly at an offset, 0 for none. */
export function fieldAt(record: u32, offset: u32, kinds: u32): u32 {
  for (let i: u32 = 0; i < fieldCount(record); i++) {
    const field = fieldOf(record, i);
    if (word(field, RecordField.Offset) !== offset) continue;
    return (word(field, RecordField.Type) & kinds) !== 0 ? field : 0;
  }
  return 0;
}

/** What messages call a field of this kind. */
export function fieldName(kind: u32): string {
  switch (kind) {
    case Field.SpinLock:
      return 'bpf_spin_lock';
    case Field.Timer:
      return 'bpf_timer';
    case Field.Workqueue:
      return 'bpf_wq';
    case Field.KptrPercpu:
      return 'percpu_kptr';
    case Field.ListHead:
      return 'bpf_list_head';
    case Field.ListNode:
      return 'bpf_list_node';
    case Field.RbRoot:
      return 'bpf_rb_root';
    case Field.RbNode:
      return 'bpf_rb_node';
    case Field.Refcount:
      return 'bpf_refcount';
    default:
      return 'kptr';
  }
}
