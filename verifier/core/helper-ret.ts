/** What a helper call leaves in R0. */
import { Errno } from '../../bpf/errno.ts';
import { MapField } from '../abi.ts';
import { Feature } from '../feature-abi.ts';
import { CallFacts, Helper, HelperField } from '../helper-abi.ts';
import { Field, Flag, Reg, Ret } from '../types.ts';
import { checkInvariants } from './alu.ts';
import { syncBounds } from './bounds.ts';
import { isStructAt, resolvedId, resolveSize, typeAt, typeNameBytes } from './btf.ts';
import { meta } from './call-meta.ts';
import * as env from './env.ts';
import { callFact, helperWord } from './helper-table.ts';
import { setSwapped } from './kptr-arg.ts';
import { say } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { mapHasField } from './record.ts';
import { acquireReference } from './refs.ts';
import { RegState, setKnown, setUnknown } from './reg.ts';

/** Errors are -4095..-1. */
const MAX_ERRNO: i64 = 4095;
/** BPF_MAP_TYPE_* whose lookups take a reference. */
const SOCKMAP: u32 = 15;
const SOCKHASH: u32 = 18;

/** The call takes a per-CPU object of the program's own: what it returns is that CPU's copy. */
let ownPercpu: bool = false;

export function setOwnPercpu(on: bool): void {
  ownPercpu = on;
}

function misconfigured(): i32 {
  say(M.BUG_MISCONFIGURED);
  return -Errno.EINVAL;
}

function setPointer(reg: RegState, type: u32): void {
  setKnown(reg, 0);
  reg.type = type;
}

function returnMapValue(reg: RegState, flags: u32): i32 {
  setPointer(reg, Reg.MapValue | flags);
  if (meta.map === 0) return misconfigured();
  reg.word0 = meta.map;
  reg.word2 = meta.mapUid;
  if ((flags & Flag.MaybeNull) === 0 && mapHasField(meta.map, Field.SpinLock)) reg.id = env.newId();
  return 0;
}

/** A per-CPU variable: a struct of the kernel, or plain memory. */
function returnPercpu(reg: RegState, flags: u32): i32 {
  const bytes = resolveSize(meta.retBtf, meta.retBtfId);
  const id = resolvedId;
  if (isStructAt(typeAt(meta.retBtf, id))) {
    // Read-only memory is a matter of plain memory; structs have their own rules.
    const plain = Reg.BtfId | (flags & ~(<u32>Flag.Rdonly));
    setPointer(reg, ownPercpu ? Reg.BtfId | Flag.Alloc | Flag.Rcu : plain);
    reg.word0 = meta.retBtf;
    reg.word2 = meta.retBtfId;
    return 0;
  }
  if (bytes < 0) {
    say(M.RETURN_SIZE, <i64>typeNameBytes(meta.retBtf, id), -Errno.EINVAL);
    return -Errno.EINVAL;
  }
  setPointer(reg, Reg.Mem | flags);
  reg.word0 = <u32>bytes;
  return 0;
}

function returnStruct(reg: RegState, record: usize, flags: u32): i32 {
  if (meta.helper === Helper.KptrXchg) {
    setSwapped(reg, flags);
    return 0;
  }
  setPointer(reg, Reg.BtfId | flags);
  reg.word0 = env.vmlinuxBtf;
  reg.word2 = helperWord(record, HelperField.RetBtfId);
  return 0;
}

function setReturn(reg: RegState, record: usize): i32 {
  const type = helperWord(record, HelperField.Ret);
  const flags = type & ~(<u32>Reg.BaseMask);
  switch (type & Reg.BaseMask) {
    case Ret.Integer:
      setUnknown(reg, !env.bpfCapable);
      return 0;
    case Ret.Void:
      reg.type = Reg.NotInit;
      return 0;
    case Ret.MapValue:
      return returnMapValue(reg, flags);
    case Ret.Socket:
      setPointer(reg, Reg.Socket | flags);
      return 0;
    case Ret.SockCommon:
      setPointer(reg, Reg.SockCommon | flags);
      return 0;
    case Ret.TcpSock:
      setPointer(reg, Reg.TcpSock | flags);
      return 0;
    case Ret.Mem:
      setPointer(reg, Reg.Mem | flags);
      reg.word0 = meta.memSize;
      return 0;
    case Ret.MemOrBtfId:
      return returnPercpu(reg, flags);
    case Ret.BtfId:
      return returnStruct(reg, record, flags);
    default: {
      const name = <i64>helperWord(record, HelperField.Name);
      say(M.RETURN_KIND, type & Reg.BaseMask, name, meta.helper);
      return -Errno.EINVAL;
    }
  }
}

/** Helpers that give another view of the socket they get: releasing either releases both. */
function isCast(helper: i32): bool {
  switch (helper) {
    case Helper.TcpSock:
    case Helper.SkFullsock:
    case Helper.SkcToTcpSock:
    case Helper.SkcToTcp6Sock:
    case Helper.SkcToUdp6Sock:
    case Helper.SkcToMptcpSock:
    case Helper.SkcToTcpTimewaitSock:
    case Helper.SkcToTcpRequestSock:
      return true;
    default:
      return false;
  }
}

function isAcquire(helper: i32): bool {
  switch (helper) {
    case Helper.SkLookupTcp:
    case Helper.SkLookupUdp:
    case Helper.SkcLookupTcp:
    case Helper.RingbufReserve:
    case Helper.KptrXchg:
      return true;
    case Helper.MapLookup: {
      const type = meta.map !== 0 ? mapWord(meta.map, MapField.Type) : 0;
      return type === SOCKMAP || type === SOCKHASH;
    }
    default:
      return false;
  }
}

function setReferences(reg: RegState, insn: i32): void {
  const helper = meta.helper;
  if (helper === Helper.DynptrData) reg.word1 = meta.dynptrId;
  if (isCast(helper) || helper === Helper.DynptrData) {
    reg.refId = meta.refId;
  } else if (isAcquire(helper)) {
    const id = acquireReference(insn);
    reg.id = id;
    reg.refId = id;
  }
}

/** Results that are sizes, or numbers of CPUs. */
function narrow(reg: RegState, helper: i32): void {
  switch (helper) {
    case Helper.GetStack:
    case Helper.GetTaskStack:
    case Helper.ProbeReadStr:
    case Helper.ProbeReadKernelStr:
    case Helper.ProbeReadUserStr:
      reg.smax = <i64>meta.sizeMax;
      reg.smax32 = <i32>meta.sizeMax;
      reg.smin = -MAX_ERRNO;
      reg.smin32 = <i32>-MAX_ERRNO;
      syncBounds(reg);
      return;
    case Helper.SmpProcessorId: {
      if (!env.has(Feature.CpuNumbers)) return;
      const last = callFact(CallFacts.Cpus) - 1;
      reg.umax = last;
      reg.umax32 = last;
      reg.smax = last;
      reg.smax32 = last;
      reg.umin = 0;
      reg.umin32 = 0;
      reg.smin = 0;
      reg.smin32 = 0;
      syncBounds(reg);
      return;
    }
    default:
  }
}

/** Sets R0 for the call that was checked. 0 or a negative errno. */
export function setHelperResult(record: usize, insn: i32): i32 {
  const reg = env.currentReg(0);
  const error = setReturn(reg, record);
  if (error !== 0) return error;
  if (reg.maybeNull) reg.id = env.newId();
  setReferences(reg, insn);
  if (helperWord(record, HelperField.Ret) !== Ret.Integer) return 0;
  narrow(reg, meta.helper);
  return checkInvariants(reg, 'retval');
}
