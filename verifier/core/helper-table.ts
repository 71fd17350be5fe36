/** Helpers of the program, as the host packed them (helper-abi.ts). */
import { Request } from '../abi.ts';
import { Helper, HelperArg, HelperField, HelperFlag } from '../helper-abi.ts';
import * as env from './env.ts';

/**
 * Record of a helper the program calls. Records are by number; the first may stand for all that no helper has.
 * 0 for a number that occurs nowhere in the program.
 */
export function helperRecord(id: i32): usize {
  const records = <usize>env.requestWord(Request.Helpers);
  const count = env.requestWord(Request.HelperCount);
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    const record = records + middle * HelperField.Size;
    const found = load<i32>(record, HelperField.Id);
    if (found === id) return record;
    if (found < id) low = middle + 1;
    else high = middle;
  }
  return count !== 0 && load<i32>(records, HelperField.Id) === Helper.None ? records : 0;
}

export function helperWord(record: usize, field: u32): u32 {
  return load<u32>(record + field);
}

export function helperHas(record: usize, flag: u32): bool {
  return (load<u32>(record, HelperField.Flags) & flag) !== 0;
}

/** A field (`HelperArg`) of argument 0..4. */
export function helperArg(record: usize, argument: u32, field: u32): u32 {
  return load<u32>(record + HelperField.Args + argument * HelperArg.Size + field);
}

/** Whether the helper may move packet data. */
export function helperChangesPacket(id: i32): bool {
  const record = helperRecord(id);
  return record !== 0 && helperHas(record, HelperFlag.ChangesPacket);
}

/** One of `CallFacts`. */
export function callFact(field: u32): u32 {
  return load<u32>(<usize>env.requestWord(Request.CallFacts) + field);
}
