/** Special fields of what a register points to, as the host found them (btf-abi.ts). */
import { MapField, Request } from '../abi.ts';
import { BtfFacts, RecordField, RecordHead, StructRecord } from '../btf-abi.ts';
import { Flag, Reg } from '../types.ts';
import * as env from './env.ts';
import { mapWord } from './map-value.ts';
import { RegState } from './reg.ts';

/** Record of a struct of a program's BTF, 0 for one without special fields. */
export function structRecord(btf: u32, id: u32): u32 {
  const facts = <usize>env.requestWord(Request.BtfFacts);
  const count = load<u32>(facts, BtfFacts.StructCount);
  let at = <usize>load<u32>(facts, BtfFacts.Structs);
  for (let i: u32 = 0; i < count; i++) {
    const same = load<u32>(at, StructRecord.Btf) === btf && load<u32>(at, StructRecord.TypeId) === id;
    if (same) return load<u32>(at, StructRecord.Record);
    at += StructRecord.Size;
  }
  return 0;
}

/** Record of the map value or allocated object that the register points to, 0 for none. */
export function recordOfReg(reg: RegState): u32 {
  const base = reg.type & Reg.BaseMask;
  if (base === Reg.MapValue) return mapWord(reg.word0, MapField.Record);
  const owned = base === Reg.BtfId && (reg.type & Flag.Alloc) !== 0;
  return owned ? structRecord(reg.word0, reg.word2) : 0;
}

/** The field (`RecordField`) of one of the given kinds at an offset of what the register points to; 0: none. */
export function findField(reg: RegState, off: i32, kinds: u32): u32 {
  const record = recordOfReg(reg);
  if (record === 0) return 0;
  const count = load<u32>(<usize>record, RecordHead.Count);
  for (let i: u32 = 0; i < count; i++) {
    const field = record + RecordHead.Size + i * RecordField.Size;
    const type = load<u32>(<usize>field, RecordField.Type);
    if (load<i32>(<usize>field, RecordField.Offset) === off && (type & kinds) !== 0) return field;
  }
  return 0;
}

/** A word (`RecordField`) of a field. */
export function fieldWord(field: u32, word: u32): u32 {
  return load<u32>(<usize>field + word);
}
