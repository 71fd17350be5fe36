/**
 * Which instructions a kernel, or a compiler's -mcpu level, has to have: RFC 9669 (conformance groups), the kernel's
 * bpf/clang-notes.rst and bpf/standardization, and what LLVM's levels v1 to v4 add one to the other.
 */
import { Alu, Atomic, CallKind, Class, Jmp, Mode, MovOffset, Pseudo, Source } from '../bpf/isa.ts';
import type { Insns } from '../loader/insns.ts';
import type { Release } from './release.ts';

export type Level = 1 | 2 | 3 | 4;

export interface IsaFeature {
  /** Stable name. */
  readonly name: string;
  readonly text: string;
  /** The lowest level at which a compiler uses it by itself; undefined for what stands outside of the levels. */
  readonly level?: Level;
  /** First release that takes it; undefined for what Linux has never taken. */
  readonly since?: Release;
  /** Older kernels refuse it only on a path that they follow; other instructions wherever they stand. */
  readonly onPath?: true;
}

const features = {
  lessThan: { name: 'jlt', text: 'jumps on less-than', level: 2, since: '4.14' },
  alu32: { name: 'alu32', text: '32-bit arithmetic', level: 3, since: '3.18' },
  jmp32: { name: 'jmp32', text: '32-bit jumps', level: 3, since: '5.1' },
  atomic: { name: 'atomic', text: 'atomics that fetch, or do more than add', level: 3, since: '5.12' },
  storeImm: { name: 'st', text: 'stores of immediates', level: 4, since: '3.18' },
  loadSigned: { name: 'ldsx', text: 'loads with sign extension', level: 4, since: '6.6' },
  moveSigned: { name: 'movsx', text: 'moves with sign extension', level: 4, since: '6.6', onPath: true },
  swap: { name: 'bswap', text: 'unconditional byte swaps', level: 4, since: '6.6' },
  signedDivision: { name: 'sdiv', text: 'signed division and modulo', level: 4, since: '6.6', onPath: true },
  farJump: { name: 'gotol', text: 'jumps with 32-bit offsets', level: 4, since: '6.6' },
  mayGoto: { name: 'may_goto', text: 'may_goto', since: '6.9' },
  addressCast: { name: 'addr_space_cast', text: 'casts of arena addresses', since: '6.9', onPath: true },
  loadAcquire: { name: 'load_acquire', text: 'load-acquire', since: '6.15' },
  storeRelease: { name: 'store_release', text: 'store-release', since: '6.15' },
  localCall: {
    name: 'bpf2bpf',
    text: 'calls of functions of the program',
    level: 1,
    since: '4.16',
    onPath: true,
  },
  mapValue: { name: 'map_value', text: 'global variables', level: 1, since: '5.2' },
  typedAddress: {
    name: 'ksym_address',
    text: 'addresses of typed kernel variables',
    level: 1,
    since: '5.10',
  },
  functionAddress: {
    name: 'function_address',
    text: 'addresses of functions of the program',
    level: 1,
    since: '5.13',
  },
  kfuncCall: { name: 'kfunc_call', text: 'calls of kernel functions', level: 1, since: '5.13', onPath: true },
  indirectCall: { name: 'callx', text: 'calls through a register', onPath: true },
  loop: { name: 'loop', text: 'loops', level: 1, since: '5.3' },
  long: { name: 'long_program', text: 'more than 4096 instructions', level: 1, since: '5.2' },
} as const satisfies { readonly [name: string]: IsaFeature };

export const IsaFeatures: { readonly [K in keyof typeof features]: IsaFeature } = features;

/** Instructions that a program may have before 5.2. */
export const SHORT_PROGRAM = 4096;

const CALL_REGISTER = Class.Jmp | Jmp.Call | Source.X;
/** Offset of division and modulo that makes them signed. */
const SIGNED = 1;

/** What an instruction needs beyond the first instruction set; undefined for nothing. */
export function featureOf(insns: Insns, slot: number): IsaFeature | undefined {
  const code = insns.code(slot);
  switch (code & Class.Mask) {
    case Class.Ld:
      return insns.isLdImm64(slot) ? addressFeature(insns.src(slot)) : undefined;
    case Class.Ldx:
      return (code & Mode.Mask) === Mode.Memsx ? IsaFeatures.loadSigned : undefined;
    case Class.St:
      return IsaFeatures.storeImm;
    case Class.Stx:
      return (code & Mode.Mask) === Mode.Atomic ? atomicFeature(insns.imm(slot)) : undefined;
    case Class.Alu:
    case Class.Alu64:
      return arithmeticFeature(insns, slot);
    default:
      return jumpFeature(insns, slot);
  }
}

function addressFeature(source: number): IsaFeature | undefined {
  switch (source) {
    case Pseudo.MapValue:
      return IsaFeatures.mapValue;
    case Pseudo.BtfId:
      return IsaFeatures.typedAddress;
    case Pseudo.Func:
      return IsaFeatures.functionAddress;
    default:
      return undefined;
  }
}

function atomicFeature(operation: number): IsaFeature | undefined {
  if (operation === Atomic.Add) return undefined;
  if (operation === Atomic.LoadAcquire) return IsaFeatures.loadAcquire;
  return operation === Atomic.StoreRelease ? IsaFeatures.storeRelease : IsaFeatures.atomic;
}

function arithmeticFeature(insns: Insns, slot: number): IsaFeature | undefined {
  const code = insns.code(slot);
  const offset = insns.offset(slot);
  const is32 = (code & Class.Mask) === Class.Alu;
  switch (code & Alu.Mask) {
    case Alu.End:
      return is32 ? undefined : IsaFeatures.swap;
    case Alu.Div:
    case Alu.Mod:
      if (offset === SIGNED) return IsaFeatures.signedDivision;
      break;
    case Alu.Mov:
      if ((code & Source.X) === 0 || offset === MovOffset.Plain) break;
      return offset === MovOffset.AddrSpaceCast && !is32 ? IsaFeatures.addressCast : IsaFeatures.moveSigned;
  }
  return is32 ? IsaFeatures.alu32 : undefined;
}

function jumpFeature(insns: Insns, slot: number): IsaFeature | undefined {
  const code = insns.code(slot);
  const is32 = (code & Class.Mask) === Class.Jmp32;
  switch (code & Jmp.Mask) {
    case Jmp.Ja:
      return is32 ? IsaFeatures.farJump : undefined;
    case Jmp.Call:
      if (code === CALL_REGISTER) return IsaFeatures.indirectCall;
      return callFeature(insns.src(slot));
    case Jmp.Exit:
      return undefined;
    case Jmp.Cond:
      return IsaFeatures.mayGoto;
  }
  if (is32) return IsaFeatures.jmp32;
  return LESS.has(code & Jmp.Mask) ? IsaFeatures.lessThan : undefined;
}

const LESS: ReadonlySet<number> = new Set([Jmp.Lt, Jmp.Le, Jmp.Slt, Jmp.Sle]);

function callFeature(source: number): IsaFeature | undefined {
  if (source === CallKind.Local) return IsaFeatures.localCall;
  return source === CallKind.Kfunc ? IsaFeatures.kfuncCall : undefined;
}
