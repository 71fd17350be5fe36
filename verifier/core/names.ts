/** Names of register types, dynptr kinds and iterator phases as the log and its messages print them. */
import { DynptrKind, Flag, IterPhase, Reg } from '../types.ts';
import { text } from './log.ts';

/* Composed names are built here; one at a time is enough, since every use prints it at once. */
const buffer: usize = memory.data(96, 8);
let length: u32 = 0;

function append(part: string): void {
  for (let i = 0, n = part.length; i < n && length < 95; i++) {
    store<u8>(buffer + length++, <u8>part.charCodeAt(i));
  }
}

function baseName(base: u32): string {
  switch (base) {
    case Reg.NotInit:
      return '?';
    case Reg.Scalar:
      return 'scalar';
    case Reg.Ctx:
      return 'ctx';
    case Reg.MapPtr:
      return 'map_ptr';
    case Reg.MapValue:
      return 'map_value';
    case Reg.MapKey:
      return 'map_key';
    case Reg.Stack:
      return 'fp';
    case Reg.PacketMeta:
      return 'pkt_meta';
    case Reg.Packet:
      return 'pkt';
    case Reg.PacketEnd:
      return 'pkt_end';
    case Reg.FlowKeys:
      return 'flow_keys';
    case Reg.Socket:
      return 'sock';
    case Reg.SockCommon:
      return 'sock_common';
    case Reg.TcpSock:
      return 'tcp_sock';
    case Reg.TpBuffer:
      return 'tp_buffer';
    case Reg.XdpSock:
      return 'xdp_sock';
    case Reg.BtfId:
      return 'ptr_';
    case Reg.Mem:
      return 'mem';
    case Reg.Arena:
      return 'arena';
    case Reg.Buf:
      return 'buf';
    case Reg.Func:
      return 'func';
    default:
      return 'dynptr_ptr';
  }
}

/** Name of a type with its flags, as a %z value. Valid until the next call. */
export function typeName(type: u32): i64 {
  length = 0;
  if ((type & Flag.Rdonly) !== 0) append('rdonly_');
  if ((type & Flag.Ringbuf) !== 0) append('ringbuf_');
  if ((type & Flag.User) !== 0) append('user_');
  if ((type & Flag.Percpu) !== 0) append('percpu_');
  if ((type & Flag.Rcu) !== 0) append('rcu_');
  if ((type & Flag.Untrusted) !== 0) append('untrusted_');
  if ((type & Flag.Trusted) !== 0) append('trusted_');
  const base = type & Reg.BaseMask;
  append(baseName(base));
  if ((type & Flag.MaybeNull) !== 0) append(base === Reg.BtfId ? 'or_null_' : '_or_null');
  store<u8>(buffer + length, 0);
  return <i64>buffer;
}

/** Name of a dynptr kind, as a %s value. */
export function dynptrName(kind: u32): i64 {
  switch (kind) {
    case DynptrKind.Local:
      return text('local');
    case DynptrKind.Ringbuf:
      return text('ringbuf');
    case DynptrKind.Skb:
      return text('skb');
    case DynptrKind.Xdp:
      return text('xdp');
    case DynptrKind.Invalid:
      return text('<invalid>');
    default:
      return text('<unknown>');
  }
}

/** Name of an iterator's phase, as a %s value. */
export function phaseName(phase: u32): i64 {
  switch (phase) {
    case IterPhase.Active:
      return text('active');
    case IterPhase.Drained:
      return text('drained');
    case IterPhase.Invalid:
      return text('<invalid>');
    default:
      return text('<unknown>');
  }
}
