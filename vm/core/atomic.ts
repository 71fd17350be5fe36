/** Atomic operations (RFC 9669 section 5.3). One thread: reading, then writing is atomic. */
import { State } from '../../bpf/abi.ts';
import { Atomic } from '../../bpf/isa.ts';
import { atomicOffset } from './access.ts';
import { Field } from './op.ts';

/** Executes an atomic instruction; a fault is in the state record. */
export function atomic(insn: usize): void {
  const register = <usize>load<u8>(insn, Field.Src);
  const address = load<u64>(<usize>load<u8>(insn, Field.Dst), State.Regs) + load<i16>(insn, Field.Offset);
  const size = load<u32>(insn, Field.JumpImm);
  const at = atomicOffset(address, size);
  if (at === 0) return;
  const wide = size === 8;
  const operation = load<u32>(insn, Field.Imm);
  const before: u64 = wide ? load<u64>(at) : <u64>load<u32>(at);
  const operand = load<u64>(register, State.Regs);
  if (operation === Atomic.Cmpxchg) {
    const expected = load<u64>(State.Regs);
    if (before === (wide ? expected : <u64>(<u32>expected))) put(at, wide, operand);
    store<u64>(State.Regs, before);
    return;
  }
  put(at, wide, combine(operation & ~Atomic.Fetch, before, operand));
  if ((operation & Atomic.Fetch) !== 0) store<u64>(register, before, State.Regs);
}

function put(at: usize, wide: bool, value: u64): void {
  if (wide) store<u64>(at, value);
  else store<u32>(at, <u32>value);
}

function combine(operation: u32, before: u64, operand: u64): u64 {
  switch (operation) {
    case Atomic.Add:
      return before + operand;
    case Atomic.Or:
      return before | operand;
    case Atomic.And:
      return before & operand;
    case Atomic.Xor:
      return before ^ operand;
    default:
      return operand;
  }
}
