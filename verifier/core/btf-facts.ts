/** Records about types that the host packed for the request (btf-abi.ts). */
import { Request } from '../abi.ts';
import { AttachFact, BtfFacts } from '../btf-abi.ts';
import * as env from './env.ts';

/** A word of `BtfFacts`; 0 when the request has none. */
export function btfFact(field: u32): u32 {
  const facts = <usize>env.requestWord(Request.BtfFacts);
  return facts === 0 ? 0 : load<u32>(facts + field);
}

/** A word of `AttachFact`; 0 when the program attaches to nothing that BTF describes. */
export function attachFact(field: u32): u32 {
  const facts = <usize>btfFact(BtfFacts.Attach);
  return facts === 0 ? 0 : load<u32>(facts + field);
}

export function attachHas(flag: u32): bool {
  return (attachFact(AttachFact.Flags) & flag) !== 0;
}

/** The `AttachFact` record, 0 for none. */
export function attachRecord(): usize {
  return <usize>btfFact(BtfFacts.Attach);
}

/** Whether a word list of `BtfFacts` has a value. */
export function factListHas(list: u32, countField: u32, value: u32): bool {
  const at = <usize>btfFact(list);
  const count = btfFact(countField);
  for (let i: u32 = 0; i < count; i++) {
    if (load<u32>(at + i * 4) === value) return true;
  }
  return false;
}
