/** Operands of decoded instructions; names that end in a number are those of later ones of a fused sequence. */
import { State } from '../../bpf/abi.ts';
import { Field } from './op.ts';

export function dst(insn: usize): u64 {
  return load<u64>(<usize>load<u8>(insn, Field.Dst), State.Regs);
}

export function src(insn: usize): u64 {
  return load<u64>(<usize>load<u8>(insn, Field.Src), State.Regs);
}

export function setDst(insn: usize, value: u64): void {
  store<u64>(<usize>load<u8>(insn, Field.Dst), value, State.Regs);
}

export function imm(insn: usize): u64 {
  return load<u64>(insn, Field.Imm);
}

export function dst32(insn: usize): u32 {
  return load<u32>(<usize>load<u8>(insn, Field.Dst), State.Regs);
}

export function src32(insn: usize): u32 {
  return load<u32>(<usize>load<u8>(insn, Field.Src), State.Regs);
}

export function imm32(insn: usize): u32 {
  return load<u32>(insn, Field.Imm);
}

export function jumpImm(insn: usize): u64 {
  return <u64>load<i32>(insn, Field.JumpImm);
}

export function jumpImm32(insn: usize): u32 {
  return load<u32>(insn, Field.JumpImm);
}

/** From the base register's value to the distance of the access from the start of low memory. */
export function distance(insn: usize): u64 {
  return load<u64>(insn, Field.Distance);
}

export function offset(insn: usize): u64 {
  return <u64>load<i16>(insn, Field.Offset);
}

export function dst2(insn: usize): u64 {
  return load<u64>(<usize>load<u8>(insn, Field.Size + Field.Dst), State.Regs);
}

export function src2(insn: usize): u64 {
  return load<u64>(<usize>load<u8>(insn, Field.Size + Field.Src), State.Regs);
}

export function setDst2(insn: usize, value: u64): void {
  store<u64>(<usize>load<u8>(insn, Field.Size + Field.Dst), value, State.Regs);
}

export function imm2(insn: usize): u64 {
  return load<u64>(insn, Field.Size + Field.Imm);
}

export function jumpImm2(insn: usize): u64 {
  return <u64>load<i32>(insn, Field.Size + Field.JumpImm);
}

export function distance2(insn: usize): u64 {
  return load<u64>(insn, Field.Size + Field.Distance);
}

export function dst3(insn: usize): u64 {
  return load<u64>(<usize>load<u8>(insn, 2 * Field.Size + Field.Dst), State.Regs);
}

export function src3(insn: usize): u64 {
  return load<u64>(<usize>load<u8>(insn, 2 * Field.Size + Field.Src), State.Regs);
}

export function setDst3(insn: usize, value: u64): void {
  store<u64>(<usize>load<u8>(insn, 2 * Field.Size + Field.Dst), value, State.Regs);
}

export function imm3(insn: usize): u64 {
  return load<u64>(insn, 2 * Field.Size + Field.Imm);
}

export function distance3(insn: usize): u64 {
  return load<u64>(insn, 2 * Field.Size + Field.Distance);
}

export function imm4(insn: usize): u64 {
  return load<u64>(insn, 3 * Field.Size + Field.Imm);
}
