/** Packet ranges: what a comparison with packet_end proves about packet pointers. */
import { Class, Jmp, Source } from '../../bpf/isa.ts';
import { Reg } from '../types.ts';
import { AT_PACKET_END, BEYOND_PACKET_END, flipped } from './compare.ts';
import * as env from './env.ts';
import { RegState } from './reg.ts';
import { FuncState, VerifierState } from './state.ts';

/** Packets are at most this long. */
export const MAX_PACKET: u32 = 0xffff;

/** A pointer as it came from the context: nothing added. */
function isUntouched(reg: RegState, type: u32): bool {
  return reg.type === type && reg.id === 0 && reg.off === 0 && reg.mask === 0 && reg.value === 0;
}

function widen(reg: RegState, type: u32, id: u32, range: i32): void {
  if (reg.type === type && reg.id === id) reg.word0 = <u32>max(<i32>reg.word0, range);
}

function widenFrame(func: FuncState, type: u32, id: u32, range: i32): void {
  for (let i: u32 = 0; i < 11; i++) widen(func.reg(i), type, id, range);
  for (let slot: u32 = 0; slot < func.stackSlots; slot++) {
    if (func.isSpill(slot)) widen(func.spilled(slot), type, id, range);
  }
}

/** Everything below `pointer` (and the byte at it, with `open`) lies in the packet. */
function proveRange(state: VerifierState, pointer: RegState, open: bool): void {
  const off = pointer.off;
  if (off < 0 || (off === 0 && open)) return;
  if (pointer.umax > MAX_PACKET || pointer.umax + off > MAX_PACKET) return;
  const range = open ? off + 1 : off;
  const type = pointer.type;
  const id = pointer.id;
  for (let i: u32 = 0; i <= state.current; i++) widenFrame(state.frame(i), type, id, range);
}

/** The pointer is known to lie at or beyond packet_end. */
function markEnd(state: VerifierState, register: u32, beyond: bool): void {
  const reg = state.currentFrame.reg(register);
  if (reg.type === Reg.Packet) reg.word0 = <u32>(beyond ? BEYOND_PACKET_END : AT_PACKET_END);
}

function isRangeCheck(pointer: RegState, end: RegState): bool {
  if (pointer.type === Reg.Packet && end.type === Reg.PacketEnd) return true;
  return pointer.type === Reg.PacketMeta && isUntouched(end, Reg.Packet);
}

/** `pointer op end` on the taken side; the fall-through side has the negation. */
function learnFrom(
  op: u32,
  register: u32,
  pointer: RegState,
  taken: VerifierState,
  other: VerifierState,
): bool {
  switch (op) {
    case Jmp.Gt:
      proveRange(other, pointer, false);
      markEnd(taken, register, true);
      return true;
    case Jmp.Lt:
      proveRange(taken, pointer, true);
      markEnd(other, register, false);
      return true;
    case Jmp.Ge:
      proveRange(other, pointer, true);
      markEnd(taken, register, false);
      return true;
    case Jmp.Le:
      proveRange(taken, pointer, false);
      markEnd(other, register, true);
      return true;
    default:
      return false;
  }
}

/** Handles a comparison of a packet pointer with its end; false when it is none. */
export function learnPacketRange(
  index: i32,
  dst: RegState,
  src: RegState,
  taken: VerifierState,
  other: VerifierState,
): bool {
  const code = env.insnCode(index);
  if ((code & Source.X) === 0 || (code & Class.Mask) === Class.Jmp32) return false;
  const op = code & Jmp.Mask;
  if (isRangeCheck(dst, src)) return learnFrom(op, env.insnDst(index), dst, taken, other);
  if (isRangeCheck(src, dst)) return learnFrom(flipped(op), env.insnSrc(index), src, taken, other);
  return false;
}
