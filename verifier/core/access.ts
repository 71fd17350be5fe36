/** One access to memory through a register, whatever the register points to. */
import { Errno } from '../../bpf/errno.ts';
import { MapField, PacketUse, Request } from '../abi.ts';
import { Flag, Reg } from '../types.ts';
import { checkAlignment } from './alignment.ts';
import { isSecretPointer } from './alu.ts';
import { checkBtfAccess, checkMapPointerAccess } from './btf-walk.ts';
import { checkCtxAccess, checkSockField, ctxBtf, ctxBtfId, ctxIsReturn, ctxType } from './ctx.ts';
import * as env from './env.ts';
import { checkKptrAccess, kptrAt } from './field-access.ts';
import { say, text } from './log.ts';
import { checkMapPermission, checkMapValue, isConstantMap, loadConstant, mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { typeName } from './names.ts';
import { NO_SUBREG_DEF, RegState, setKnown, setUnknown } from './reg.ts';
import { checkBuffer, checkFixedOffset, checkPacket, checkRegion, checkTracepointBuffer } from './region.ts';
import { narrowReturn } from './return-range.ts';
import { printLine } from './source.ts';
import { readStack, writeStack } from './stack.ts';
import { checkStackBounds, StackUse } from './stack-range.ts';
import { signExtend64, truncate } from './width.ts';

/** Bytes of struct bpf_flow_keys. */
const FLOW_KEYS_SIZE: u32 = 56;

/* The access being checked. */
let index: i32 = 0;
let register: u32 = 0;
let off: i32 = 0;
let size: u32 = 0;
let write: bool = false;
/** Register loaded or stored, -1 for an immediate or a helper's access. */
let value: i32 = -1;
let signExtends: bool = false;

function loads(): bool {
  return !write && value >= 0;
}

/** The loaded register is a scalar of which nothing is known (its width comes later). */
function loadUnknown(): void {
  if (value >= 0) setUnknown(env.currentReg(value), !env.bpfCapable);
}

/** Whether the stored register is a pointer that must not get out. */
function leaks(): bool {
  return write && value >= 0 && isSecretPointer(env.currentReg(value));
}

function refuseLeak(where: string): i32 {
  say(M.LEAKS_ADDRESS, value, text(where));
  return -Errno.EACCES;
}

function refuseWrite(reg: RegState): i32 {
  say(M.CANNOT_WRITE, register, typeName(reg.type));
  return -Errno.EACCES;
}

function refuseType(reg: RegState): i32 {
  say(M.INVALID_MEM_ACCESS, register, typeName(reg.type));
  return -Errno.EACCES;
}

function accessMapKey(reg: RegState): i32 {
  if (write) {
    say(M.WRITE_TO_KEY, register);
    return -Errno.EACCES;
  }
  const error = checkRegion(register, off, size, mapWord(reg.word0, MapField.KeySize), false);
  if (error === 0) loadUnknown();
  return error;
}

function accessMapValue(reg: RegState): i32 {
  if (leaks()) return refuseLeak('map');
  let error = checkMapPermission(register, off, size, write);
  if (error === 0) error = checkMapValue(register, off, size, false, true);
  if (error !== 0) return error;
  const map = reg.word0;
  const at = off + <i32>reg.value;
  const field = reg.mask === 0 ? kptrAt(map, at) : 0;
  if (field !== 0) return checkKptrAccess(value, index, field);
  if (!loads()) return 0;
  if (reg.mask === 0 && isConstantMap(map)) {
    loadConstant(env.currentReg(value), map, at, size, signExtends);
  } else {
    loadUnknown();
  }
  return 0;
}

function accessMemory(reg: RegState): i32 {
  const readOnly = (reg.type & Flag.Rdonly) !== 0;
  if ((reg.type & Flag.MaybeNull) !== 0) return refuseType(reg);
  if (write && readOnly) return refuseWrite(reg);
  if (leaks()) return refuseLeak('mem');
  const error = checkRegion(register, off, size, reg.word0, false);
  if (error === 0 && (!write || readOnly)) loadUnknown();
  return error;
}

/** The loaded register is what the context's rules say. */
function loadFromCtx(): i32 {
  const dst = env.currentReg(value);
  const type = ctxType;
  if (type === Reg.Scalar) {
    loadUnknown();
    return ctxIsReturn ? narrowReturn(dst) : 0;
  }
  setKnown(dst, 0);
  if ((type & Flag.MaybeNull) !== 0) dst.id = env.newId();
  dst.subregDef = NO_SUBREG_DEF;
  if ((type & Reg.BaseMask) === Reg.BtfId) {
    dst.word0 = ctxBtf;
    dst.word2 = ctxBtfId;
  }
  dst.type = type;
  return 0;
}

function accessCtx(reg: RegState): i32 {
  if (leaks()) return refuseLeak('ctx');
  let error = checkFixedOffset(reg, register, false);
  if (error !== 0) return error;
  error = checkCtxAccess(index, off, size, write, signExtends);
  if (error !== 0) {
    printLine(index);
    return error;
  }
  return loads() ? loadFromCtx() : 0;
}

function accessStack(reg: RegState): i32 {
  const error = checkStackBounds(register, off, size, write ? StackUse.Write : StackUse.Read);
  if (error !== 0) return error;
  return write ? writeStack(reg, off, size, value, index) : readStack(register, off, size, value);
}

function accessPacket(): i32 {
  if (write && (env.requestWord(Request.PacketUse) & PacketUse.Write) === 0) {
    say(M.PACKET_READ_ONLY);
    return -Errno.EACCES;
  }
  if (leaks()) return refuseLeak('packet');
  const error = checkPacket(register, off, size, false);
  if (error === 0 && !write) loadUnknown();
  return error;
}

function accessFlowKeys(): i32 {
  if (leaks()) return refuseLeak('flow keys');
  if (off < 0 || <u64>off + size > FLOW_KEYS_SIZE) {
    say(M.BAD_FLOW_KEYS, off, size);
    return -Errno.EACCES;
  }
  if (!write) loadUnknown();
  return 0;
}

function accessSock(reg: RegState): i32 {
  if (write) return refuseWrite(reg);
  if (reg.smin < 0) {
    say(M.NEGATIVE_MIN, register);
    return -Errno.EACCES;
  }
  if (!checkSockField(reg.type, index, off, size)) {
    say(M.BAD_SOCK, register, typeName(reg.type), off, size);
    return -Errno.EACCES;
  }
  loadUnknown();
  return 0;
}

function accessBuffer(reg: RegState): i32 {
  const readOnly = (reg.type & Flag.Rdonly) !== 0;
  if (readOnly && write) return refuseWrite(reg);
  const error = checkBuffer(register, off, size);
  if (error === 0 && (!write || readOnly)) loadUnknown();
  return error;
}

function accessTracepointBuffer(): i32 {
  const error = checkTracepointBuffer(register, off, size);
  if (error === 0 && !write) loadUnknown();
  return error;
}

/** Types that are accessed with no flag set. */
function accessPlain(reg: RegState): i32 {
  switch (reg.type) {
    case Reg.MapKey:
      return accessMapKey(reg);
    case Reg.MapValue:
      return accessMapValue(reg);
    case Reg.Ctx:
      return accessCtx(reg);
    case Reg.Stack:
      return accessStack(reg);
    case Reg.Packet:
    case Reg.PacketMeta:
      return accessPacket();
    case Reg.FlowKeys:
      return accessFlowKeys();
    case Reg.Socket:
    case Reg.SockCommon:
    case Reg.TcpSock:
    case Reg.XdpSock:
      return accessSock(reg);
    case Reg.TpBuffer:
      return accessTracepointBuffer();
    case Reg.MapPtr:
      return checkMapPointerAccess(register, off, size, write, value);
    case Reg.Arena:
      if (!write) loadUnknown();
      return 0;
    default:
      return refuseType(reg);
  }
}

function access(reg: RegState): i32 {
  const nullable = (reg.type & Flag.MaybeNull) !== 0;
  switch (reg.type & Reg.BaseMask) {
    case Reg.Mem:
      return accessMemory(reg);
    case Reg.BtfId:
      return nullable ? refuseType(reg) : checkBtfAccess(register, off, size, write, value);
    case Reg.Buf:
      return nullable ? refuseType(reg) : accessBuffer(reg);
    default:
      return accessPlain(reg);
  }
}

/**
 * Checks `size` bytes at `offset` from the pointer in `base`. `loaded` is the register that is loaded or
 * stored, -1 for none. 0 or a negative errno.
 */
export function checkAccess(
  insn: i32,
  base: u32,
  offset: i32,
  bytes: u32,
  isWrite: bool,
  loaded: i32,
  strictOnce: bool,
  isSigned: bool,
): i32 {
  const reg = env.currentReg(base);
  let error = checkAlignment(reg, offset, bytes, strictOnce);
  if (error !== 0) return error;
  index = insn;
  register = base;
  off = offset + reg.off;
  size = bytes;
  write = isWrite;
  value = loaded;
  signExtends = isSigned;
  error = access(reg);
  if (error !== 0 || isWrite || loaded < 0 || bytes === 8) return error;
  const dst = env.currentReg(loaded);
  if (dst.type !== Reg.Scalar) return 0;
  if (isSigned) signExtend64(dst, bytes);
  else truncate(dst, bytes);
  return 0;
}
