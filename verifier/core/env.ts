/**
 * The one verification that is going on: program, options, position, statistics. Module globals, because there
 * is exactly one at a time and every part of the verifier reads them.
 *
 * Functions that can end the verification return 0 or a negative errno, as in the kernel's own vocabulary; a
 * caller that gets a non-zero value returns it at once.
 */
import { Class, Jmp } from '../../bpf/isa.ts';
import { Request } from '../abi.ts';
import { Cap, LogLevel, ProgFlag, VerifierLimit } from '../types.ts';
import { allocate } from './arena.ts';
import { RegState } from './reg.ts';
import { FuncState, VerifierState } from './state.ts';

/* The program. */
export let request: usize = 0;
export let insns: usize = 0;
export let insnCount: u32 = 0;
export let progType: u32 = 0;
export let attachType: u32 = 0;
export let progFlags: u32 = 0;

/* What the loading task may do, as independent switches. */
export let allowPtrLeaks: bool = false;
export let allowUninitStack: bool = false;
export let bypassSpecV1: bool = false;
export let bypassSpecV4: bool = false;
export let bpfCapable: bool = false;

/** Bits of `Feature`. */
let features: u64 = 0;

/** Whether the kernel verifies in this way (`Feature`). */
export function has(feature: u32): bool {
  return ((features >> feature) & 1) !== 0;
}

/* Program flags. */
export let strictAlignment: bool = false;
export let testStateFreq: bool = false;
export let testRegInvariants: bool = false;

export let logLevel: u32 = 0;

/** Instructions one verification may process. */
export let insnLimit: u32 = 0;
/** Map record of the arena the program uses, 0 for none. */
export let arenaMap: usize = 0;

/** Btf of the kernel itself. */
export let vmlinuxBtf: u32 = 0;

export function setVmlinuxBtf(btf: u32): void {
  vmlinuxBtf = btf;
}

/** A replacement takes the attach type of the program that it replaces a part of. */
export function setAttachType(type: u32): void {
  attachType = type;
}

export function setArenaMap(map: usize): void {
  arenaMap = map;
}

/* Position. */
export let insnIndex: i32 = 0;
export let previousInsn: i32 = 0;
export let state: VerifierState = changetype<VerifierState>(0);

/* Statistics and counters. */
export let insnsProcessed: u32 = 0;
export let jumpsProcessed: u32 = 0;
export let maxStatesPerInsn: u32 = 0;
export let totalStates: u32 = 0;
export let peakStates: u32 = 0;
export let longestMarkRead: u32 = 0;
let lastId: u32 = 0;

/** Per-instruction facts that passes and paths leave for later ones. */
@unmanaged
export class InsnAux {
  /** loads and stores: type of the pointer seen there, so that two paths cannot disagree. */
  ptrType: u32;
  /** map index and offset of an ld_imm64, or type of a typed ksym with its Btf and type id or size. */
  value0: u32;
  value1: u32;
  value2: u32;
  /** calls: map seen as argument (address), and whether paths disagree about it. */
  mapPtr: u32;
  /** Constant key tracking for map calls. */
  mapKey: u64;
  /** Speculation hardening of pointer arithmetic: limit and the kind of masking. */
  aluLimit: u32;
  aluState: u32;
  /** bpf_loop: 1 seen, 2 fits for inlining; and the callback. */
  loopInline: u32;
  loopCallback: u32;
  /** Kfuncs that allocate an object: its size, and its type in the program's BTF. */
  objectSize: u32;
  objectType: u32;
  /** Kfuncs that put an object into a list or tree: offset of the node in it, plus 1. */
  nodePlace: u32;
  ctxFieldSize: u32;
  /** Loads, stores, atomics: the base types of all pointers that paths access through, a bit each. */
  pointers: u32;
  flags: u32;
  fastcallSpills: u8;
  pad0: u8;
  pad1: u16;
}

export const AUX_SIZE: u32 = offsetof<InsnAux>();

/** Bits of InsnAux.flags. */
export const enum AuxFlag {
  PrunePoint = 1,
  JumpPoint = 2,
  ForceCheckpoint = 4,
  CallsCallback = 8,
  Seen = 16,
  IterNext = 32,
  ZeroExtend = 64,
  SpillHardening = 128,
  JumpTarget = 256,
  FastcallPattern = 512,
  MapPoisoned = 1024,
  MapUnpriv = 2048,
  StorageGetAtomic = 4096,
  PercpuAlloc = 8192,
}

let auxTable: usize = 0;

export function aux(index: i32): InsnAux {
  return changetype<InsnAux>(auxTable + <usize>index * AUX_SIZE);
}

export function auxHas(index: i32, flag: u32): bool {
  return (aux(index).flags & flag) !== 0;
}

export function auxSet(index: i32, flag: u32): void {
  const record = aux(index);
  record.flags |= flag;
}

/** Reads the request and resets everything that belongs to one verification. */
export function beginVerification(at: usize): void {
  request = at;
  insns = requestWord(Request.Insns);
  insnCount = requestWord(Request.InsnCount);
  progType = requestWord(Request.ProgType);
  attachType = requestWord(Request.AttachType);
  progFlags = requestWord(Request.ProgFlags);
  logLevel = requestWord(Request.LogLevel);
  features = load<u64>(at, Request.Features);
  const caps = requestWord(Request.Caps);
  bpfCapable = (caps & (Cap.Bpf | Cap.SysAdmin)) !== 0;
  const perfmon = (caps & (Cap.Perfmon | Cap.SysAdmin)) !== 0;
  allowPtrLeaks = perfmon;
  allowUninitStack = perfmon;
  bypassSpecV1 = perfmon;
  bypassSpecV4 = perfmon;
  strictAlignment =
    (progFlags & (ProgFlag.StrictAlignment | ProgFlag.AnyAlignment)) === ProgFlag.StrictAlignment;
  testStateFreq = bpfCapable && (progFlags & ProgFlag.TestStateFreq) !== 0;
  testRegInvariants = (progFlags & ProgFlag.TestRegInvariants) !== 0;
  insnIndex = 0;
  previousInsn = 0;
  insnsProcessed = 0;
  jumpsProcessed = 0;
  maxStatesPerInsn = 0;
  totalStates = 0;
  peakStates = 0;
  longestMarkRead = 0;
  lastId = 0;
  exploreAluLimits = false;
  arenaMap = 0;
  const limit = requestWord(Request.InsnLimit);
  insnLimit = limit !== 0 ? limit : VerifierLimit.Insns;
  state = changetype<VerifierState>(0);
  auxTable = allocate((insnCount + 1) * AUX_SIZE);
}

export function requestWord(field: u32): u32 {
  return load<u32>(request + field);
}

/** Unprivileged pointer arithmetic is being replayed to find its limits: scalars must match exactly. */
export let exploreAluLimits: bool = false;

export function setExploreAluLimits(on: bool): void {
  exploreAluLimits = on;
}

export function lastGivenId(): u32 {
  return lastId;
}

/** The next register or reference id. */
export function newId(): u32 {
  return ++lastId;
}

export function setState(to: VerifierState): void {
  state = to;
}

export function setInsnIndex(index: i32): void {
  insnIndex = index;
}

export function setPreviousInsn(index: i32): void {
  previousInsn = index;
}

export function countInsn(): u32 {
  return ++insnsProcessed;
}

export function countJump(): void {
  jumpsProcessed++;
}

export function countState(): void {
  totalStates++;
  peakStates++;
}

export function dropPeakState(): void {
  peakStates--;
}

export function noteStatesPerInsn(count: u32): void {
  if (count > maxStatesPerInsn) maxStatesPerInsn = count;
}

export function noteMarkRead(length: u32): void {
  if (length > longestMarkRead) longestMarkRead = length;
}

export function currentFrame(): FuncState {
  return state.currentFrame;
}

export function currentReg(index: u32): RegState {
  return state.currentFrame.reg(index);
}

/** Whether the path (levels 1 and 2) is logged. */
export function logsPath(): bool {
  return (logLevel & (LogLevel.Path | LogLevel.Full)) !== 0;
}

export function logsFully(): bool {
  return (logLevel & LogLevel.Full) !== 0;
}

/** Fields of instruction `index`. */
export function insnCode(index: i32): u32 {
  return load<u8>(insns + ((<usize>index) << 3));
}

export function insnDst(index: i32): u32 {
  return load<u8>(insns + ((<usize>index) << 3), 1) & 15;
}

export function insnSrc(index: i32): u32 {
  return load<u8>(insns + ((<usize>index) << 3), 1) >> 4;
}

export function insnOff(index: i32): i32 {
  return load<i16>(insns + ((<usize>index) << 3), 2);
}

export function insnImm(index: i32): i32 {
  return load<i32>(insns + ((<usize>index) << 3), 4);
}

/** The immediate's bits. Not a cast of `insnImm`: asc -O3 lost the zero extension of that one. */
export function insnImmBits(index: i32): u64 {
  return <u64>load<u32>(insns + ((<usize>index) << 3), 4);
}

export function insnClass(index: i32): u32 {
  return insnCode(index) & Class.Mask;
}

/** Whether the instruction calls a helper, a subprogram or a kfunc (`CallKind`). */
export function isCall(index: i32, kind: u32): bool {
  return insnCode(index) === (Class.Jmp | Jmp.Call) && insnSrc(index) === kind;
}
