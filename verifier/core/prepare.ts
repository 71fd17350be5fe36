/** Before the first path: references of ld_imm64, reserved fields, maps against the program type. */

import { Errno } from '../../bpf/errno.ts';
import { Class, Mode, Pseudo, Size } from '../../bpf/isa.ts';
import { MapField, MapOp, Request } from '../abi.ts';
import { Field, ProgFlag, Reg, VerifierLimit } from '../types.ts';
import { resolveBtfSymbol } from './btf-symbol.ts';
import * as env from './env.ts';
import { say } from './log.ts';
import { mapWord } from './map-value.ts';
import * as M from './messages.ts';
import { mapHasField } from './record.ts';

/** BPF_MAP_TYPE_* that need attention here. */
const CGROUP_STORAGE: u32 = 19;
const PERCPU_CGROUP_STORAGE: u32 = 21;
const STRUCT_OPS: u32 = 26;
const ARENA: u32 = 33;
const PROG_TYPE_SOCKET_FILTER: u32 = 1;
/** Highest descriptor of the standard streams. */
const STDERR: u32 = 2;

/** Maps in use, in the order in which the program names them. */
const used: usize = memory.data(64 * 4, 4);
let usedCount: u32 = 0;
/** Cgroup storage maps in use: shared and per CPU. */
let storage: u32 = 0;
let percpuStorage: u32 = 0;

export function prepareReset(): void {
  usedCount = 0;
  storage = 0;
  percpuStorage = 0;
}

function refuse(message: string, errno: i32): i32 {
  say(message);
  return -errno;
}

/* A map against the program. */

function checkTracingMap(map: u32): i32 {
  if (env.requestWord(Request.IsTracing) === 0) return 0;
  if (mapHasField(map, Field.SpinLock)) return refuse(M.TRACING_LOCK, Errno.EINVAL);
  if (mapHasField(map, Field.Timer)) return refuse(M.TRACING_TIMER, Errno.EINVAL);
  if (mapHasField(map, Field.Workqueue)) return refuse(M.TRACING_WORKQUEUE, Errno.EINVAL);
  return 0;
}

function checkMap(map: u32): i32 {
  const type = mapWord(map, MapField.Type);
  const tracing = env.requestWord(Request.IsTracing) !== 0;
  if (tracing && mapHasField(map, Field.ListHead | Field.RbRoot)) {
    return refuse(M.TRACING_GRAPH, Errno.EINVAL);
  }
  const filter = env.progType === PROG_TYPE_SOCKET_FILTER;
  if (filter && mapHasField(map, Field.SpinLock)) return refuse(M.SOCKET_FILTER_LOCK, Errno.EINVAL);
  const error = checkTracingMap(map);
  if (error !== 0) return error;
  if (type === STRUCT_OPS) return refuse(M.STRUCT_OPS_MAP, Errno.EINVAL);
  const sleepable = (env.progFlags & ProgFlag.Sleepable) !== 0;
  const allowed = load<u8>(<usize>env.requestWord(Request.SleepableMaps) + type) !== 0;
  return sleepable && !allowed ? refuse(M.SLEEPABLE_MAP, Errno.EINVAL) : 0;
}

/* First use of a map. */

/** A program has one cgroup storage of each kind: which one is fixed by its first use. */
function claimStorage(map: u32): i32 {
  const type = mapWord(map, MapField.Type);
  if (type !== CGROUP_STORAGE && type !== PERCPU_CGROUP_STORAGE) return 0;
  const other = type === CGROUP_STORAGE ? storage : percpuStorage;
  if (other !== 0 && other !== map) return refuse(M.ONE_CGROUP_STORAGE, Errno.EBUSY);
  if (type === CGROUP_STORAGE) storage = map;
  else percpuStorage = map;
  return 0;
}

function claimArena(map: u32): i32 {
  if (mapWord(map, MapField.Type) !== ARENA) return 0;
  if (env.arenaMap !== 0 && env.arenaMap !== map) return refuse(M.ONE_ARENA, Errno.EBUSY);
  if (!env.allowPtrLeaks || !env.bpfCapable) return refuse(M.ARENA_CAPABILITY, Errno.EPERM);
  env.setArenaMap(map);
  // libbpf maps every arena before it loads a program, so that its user address is set.
  return 0;
}

function isUsed(map: u32): bool {
  for (let i: u32 = 0; i < usedCount; i++) {
    if (load<u32>(used + i * 4) === map) return true;
  }
  return false;
}

/** Adds the map to those in use. 1 when it was there already, 0, or a negative errno. */
function useMap(map: u32): i32 {
  if (isUsed(map)) return 1;
  if (usedCount >= <u32>VerifierLimit.UsedMaps) {
    say(M.TOO_MANY_MAPS, VerifierLimit.UsedMaps);
    return -Errno.E2BIG;
  }
  store<u32>(used + usedCount * 4, map);
  usedCount++;
  return 0;
}

/* ld_imm64. */

/** Whether the offset lies in the map's one value. */
function checkDirectValue(map: u32, off: u32): i32 {
  if (off >= <u32>VerifierLimit.PointerOffset) {
    say(M.DIRECT_OFFSET, off);
    return -Errno.EINVAL;
  }
  const type = mapWord(map, MapField.Type);
  const ops = load<u8>(<usize>env.requestWord(Request.MapOps) + type);
  if ((ops & MapOp.DirectValue) === 0) return refuse(M.NO_DIRECT_VALUE, Errno.EINVAL);
  if (type === ARENA) return 0;
  const size = mapWord(map, MapField.ValueSize);
  let error = 0;
  if (mapWord(map, MapField.MaxEntries) !== 1) error = -Errno.ENOTSUPP;
  else if (off >= size) error = -Errno.EINVAL;
  if (error !== 0) say(M.BAD_DIRECT_VALUE, size, off);
  return error;
}

/** `number` stands for a file that is no map, or is ~fd where the code names a descriptor of its own. */
function refuseFile(number: u32): i32 {
  const isDescriptor = <i32>number < 0;
  const fd = isDescriptor ? ~number : number;
  say(M.NOT_A_MAP, fd);
  // Of the loading task's files only the standard streams are known to be open.
  const isOpen = isDescriptor ? fd <= STDERR : number < env.requestWord(Request.MapCount);
  return isOpen ? -Errno.EINVAL : -Errno.EBADF;
}

function resolveMap(index: i32): i32 {
  const kind = env.insnSrc(index);
  const isValue = kind === Pseudo.MapValue || kind === Pseudo.MapIdxValue;
  const plain = kind === Pseudo.MapFd || kind === Pseudo.MapIdx;
  const second = <u32>env.insnImm(index + 1);
  if (!isValue && !(plain && second === 0)) return refuse(M.UNKNOWN_LDIMM, Errno.EINVAL);
  const number = <u32>env.insnImm(index);
  const map = env.requestWord(Request.Maps) + number * MapField.Size;
  // A map without a type stands for a file that is no map.
  if (number >= env.requestWord(Request.MapCount) || mapWord(map, MapField.Type) === 0) {
    return refuseFile(number);
  }
  const reused = useMap(map);
  if (reused < 0) return reused;
  const record = env.aux(index);
  record.value0 = map;
  let error = checkMap(map);
  if (error === 0 && isValue) error = checkDirectValue(map, second);
  if (error !== 0) return error;
  if (isValue) record.value1 = second;
  if (reused === 1) return 0;
  error = claimStorage(map);
  return error !== 0 ? error : claimArena(map);
}

function resolveImmediate(index: i32): i32 {
  const next = index + 1;
  const wellFormed =
    next < <i32>env.insnCount &&
    env.insnCode(next) === 0 &&
    env.insnDst(next) === 0 &&
    env.insnSrc(next) === 0 &&
    env.insnOff(next) === 0;
  if (!wellFormed) return refuse(M.BAD_LDIMM, Errno.EINVAL);
  switch (env.insnSrc(index)) {
    case Pseudo.None:
      return 0;
    case Pseudo.BtfId:
      return resolveBtfSymbol(index);
    case Pseudo.Func:
      env.aux(index).ptrType = Reg.Func;
      return 0;
    default:
      return resolveMap(index);
  }
}

function hasBadLoadFields(index: i32): bool {
  const code = env.insnCode(index);
  if ((code & Class.Mask) !== Class.Ldx) return false;
  const mode = code & Mode.Mask;
  const opcodes = <usize>env.requestWord(Request.Opcodes);
  const signExtends = mode === Mode.Memsx && load<u8>(opcodes + code) !== 0;
  return (mode !== Mode.Mem && !signExtends) || env.insnImm(index) !== 0;
}

/** Resolves every pseudo ld_imm64, and refuses instructions that do not exist. 0 or a negative errno. */
export function resolveImmediates(): i32 {
  const opcodes = <usize>env.requestWord(Request.Opcodes);
  for (let i: i32 = 0; i < <i32>env.insnCount; i++) {
    if (hasBadLoadFields(i)) return refuse(M.LDX_RESERVED, Errno.EINVAL);
    const code = env.insnCode(i);
    if (code === (Class.Ld | Mode.Imm | Size.Dw)) {
      const error = resolveImmediate(i);
      if (error !== 0) return error;
      i++;
    } else if (load<u8>(opcodes + code) === 0) {
      say(M.UNKNOWN_OPCODE, code >> 4, code & 15);
      return -Errno.EINVAL;
    }
  }
  return 0;
}
