/** Alignment of accesses, where it is demanded: always on the stack, elsewhere in strict mode and for atomics. */
import { Errno } from '../../bpf/errno.ts';
import { Reg } from '../types.ts';
import * as env from './env.ts';
import { say, text } from './log.ts';
import * as M from './messages.ts';
import { putTnum } from './print.ts';
import { RegState } from './reg.ts';
import { setTnum, Tnum, tnumAdd, tnumIsAligned } from './tnum.ts';

/** Packets begin two bytes off a word, so that the IP header behind the Ethernet header is aligned. */
const PACKET_SHIFT: i32 = 2;

const sum: Tnum = changetype<Tnum>(memory.data(16, 8));
const constant: Tnum = changetype<Tnum>(memory.data(16, 8));

function isAligned(reg: RegState, off: i32, size: u32): bool {
  setTnum(constant, <u64>(<i64>off), 0);
  tnumAdd(sum, reg.varOff, constant);
  return tnumIsAligned(sum, size);
}

function what(type: u32): i64 {
  switch (type) {
    case Reg.FlowKeys:
      return text('flow keys ');
    case Reg.MapKey:
      return text('key ');
    case Reg.MapValue:
      return text('value ');
    case Reg.Ctx:
      return text('context ');
    case Reg.Stack:
      return text('stack ');
    case Reg.Socket:
      return text('sock ');
    case Reg.SockCommon:
      return text('sock_common ');
    case Reg.TcpSock:
      return text('tcp_sock ');
    case Reg.XdpSock:
      return text('xdp_sock ');
    default:
      return text('');
  }
}

/** Whether [off, off + size) through the pointer is aligned as it must be. 0 or -EACCES. */
export function checkAlignment(reg: RegState, off: i32, size: u32, strictOnce: bool): i32 {
  if (reg.type === Reg.Arena || size === 1) return 0;
  const strict = env.strictAlignment || strictOnce || reg.type === Reg.Stack;
  if (!strict) return 0;
  if (reg.type === Reg.Packet || reg.type === Reg.PacketMeta) {
    if (isAligned(reg, PACKET_SHIFT + reg.off + off, size)) return 0;
    say(M.MISALIGNED_PACKET, PACKET_SHIFT);
    putTnum(reg.value, reg.mask);
  } else {
    if (isAligned(reg, reg.off + off, size)) return 0;
    say(M.MISALIGNED, what(reg.type));
    putTnum(reg.value, reg.mask);
  }
  say(M.MISALIGNED_TAIL, reg.off, off, size);
  return -Errno.EACCES;
}
