/** Whether what a run had is among what the verifier allows for. */
import type { RegisterState } from '../../verifier/event-reader.ts';
import { Flag, Reg } from '../../verifier/types.ts';

const LOW = 0xffff_ffffn;

/** A number against its bounds and known bits; the reason why it is not among them, or undefined. */
export function scalarMiss(state: RegisterState, value: bigint): string | undefined {
  const signed = BigInt.asIntN(64, value);
  const low = Number(value & LOW);
  const low32 = low | 0;
  if ((value & ~state.mask & 0xffff_ffff_ffff_ffffn) !== state.value) return 'known bits';
  if (value < state.umin || value > state.umax) return 'unsigned range';
  if (signed < state.smin || signed > state.smax) return 'signed range';
  if (low < state.umin32 || low > state.umax32) return 'unsigned range of 32 bits';
  if (low32 < state.smin32 || low32 > state.smax32) return 'signed range of 32 bits';
  return undefined;
}

/** Where pointers of a run stand. */
export interface Anchors {
  readonly context: bigint;
  /** r10 of each frame, outermost first. */
  readonly stacks: readonly bigint[];
}

/**
 * Kinds of pointers that are valid where they are not said to be maybe null. (BPF_PROG_TEST_RUN hands syscall programs
 * no context, and cgroup_skb programs no end of the packet.)
 */
const NEVER_NULL: ReadonlySet<number> = new Set([
  Reg.MapPtr,
  Reg.MapValue,
  Reg.MapKey,
  Reg.Stack,
  Reg.Packet,
  Reg.PacketMeta,
  Reg.Mem,
]);

/** The reason why a register's value is not among what is claimed of it, or undefined. */
export function registerMiss(state: RegisterState, value: bigint, anchors: Anchors): string | undefined {
  const base: Reg = state.type & Reg.BaseMask;
  if (base === Reg.NotInit) return undefined;
  if (base === Reg.Scalar) return scalarMiss(state, value);
  if ((state.type & Flag.MaybeNull) !== 0) return undefined;
  if (NEVER_NULL.has(base) && value === 0n) return 'it is NULL';
  const anchor = anchorOf(base, state, anchors);
  if (anchor === undefined) return undefined;
  const distance = BigInt.asUintN(64, value - anchor - BigInt(state.off));
  const miss = scalarMiss(state, distance);
  return miss && `distance from ${base === Reg.Ctx ? 'the context' : 'the frame'}: ${miss}`;
}

function anchorOf(base: Reg, state: RegisterState, { context, stacks }: Anchors): bigint | undefined {
  if (base === Reg.Ctx) return context;
  return base === Reg.Stack ? stacks[state.frame] : undefined;
}
