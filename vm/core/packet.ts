/**
 * Legacy packet loads (ld_abs, ld_ind; RFC 9669 section 5.5, kernel documentation bpf/classic_vs_extended):
 * big-endian values out of the packet of the run.
 */
import { State } from '../../bpf/abi.ts';
import { Mode, Size } from '../../bpf/isa.ts';
import { Field } from './op.ts';

/** Negative offsets from here on count from the network header, from there on from the link-level header. */
const NETWORK_HEADER: i32 = -0x10_0000;
const LINK_HEADER: i32 = -0x20_0000;

/** Loads into r0; false when there is no such byte, where the function ends with 0. */
export function loadPacket(insn: usize): bool {
  // The opcode was kept in the offset field: these instructions have none.
  const opcode = load<u8>(insn, Field.Offset);
  let offset = load<i32>(insn, Field.Imm);
  if ((opcode & Mode.Mask) === Mode.Ind) offset += load<i32>(<usize>load<u8>(insn, Field.Src), State.Regs);
  const value = packetValue(opcode, offset);
  if (value < 0) return false;
  store<u64>(State.Regs, value);
  return true;
}

/** What a load of that opcode finds at an offset; -1 when there is no such byte. */
export function packetValue(opcode: u32, offset: i32): i64 {
  const size: u32 = (opcode & Size.Mask) === Size.B ? 1 : (opcode & Size.Mask) === Size.H ? 2 : 4;
  const length = load<u32>(State.PacketLength);
  let at = <i64>offset;
  if (offset < LINK_HEADER) return -1;
  if (offset < NETWORK_HEADER) at += <i64>load<i32>(State.PacketLink) - LINK_HEADER;
  else if (offset < 0) at += <i64>load<i32>(State.PacketNetwork) - NETWORK_HEADER;
  if (at + size > <i64>length) return -1;
  // What stands before the packet's first byte are its headers, which have room there.
  const from = load<u32>(State.Packet) + <u32>at;
  if (size === 1) return load<u8>(from);
  return size === 2 ? <i64>bswap<u16>(load<u16>(from)) : <i64>bswap<u32>(load<u32>(from));
}
