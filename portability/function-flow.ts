/** One function's control flow: basic blocks, what is known where they begin, and which sides of branches are followed. */
import { CallKind, Class, Jmp, Source } from '../bpf/isa.ts';
import type { Insns } from '../loader/insns.ts';
import { Frame, type Loaded } from './frame.ts';
import { type Sides, sidesOf, type Value } from './values.ts';

/** A function of linked code, in slots of the whole. */
export interface FunctionCode {
  readonly insns: Insns;
  readonly start: number;
  readonly end: number;
  readonly loaded: Loaded;
}

/** How a block ends: where it goes on, and which of these are followed. */
export interface BlockEnd {
  readonly successors: readonly number[];
  /** Exactly one of the successors is followed, nobody knows which. */
  readonly isChoice: boolean;
}

export interface Block {
  /** First slot, and the one behind the last. */
  readonly start: number;
  readonly end: number;
  readonly out: BlockEnd;
}

/** Steps that the analysis of an object may take; what takes more is not judged. */
export class Budget {
  private left: number;

  constructor(steps: number) {
    this.left = steps;
  }

  /** Whether there was as much left. */
  spend(steps: number): boolean {
    this.left -= steps;
    return this.left >= 0;
  }
}

/** Blocks that are reached, by first slot, the function's own first; undefined when the budget does not suffice. */
export function followFunction(
  code: FunctionCode,
  parameters: readonly Value[],
  budget: Budget,
  onCall: (slot: number, frame: Frame) => void,
): Map<number, Block> | undefined {
  const leaders = findLeaders(code);
  const frames = new Map<number, Frame>([[code.start, Frame.entry(parameters)]]);
  const blocks = new Map<number, Block>();
  const open = [code.start];
  for (let start = open.pop(); start !== undefined; start = open.pop()) {
    const frame = frames.get(start)?.copy();
    if (!frame) continue;
    const block = followBlock(code, leaders, start, frame, onCall);
    if (!budget.spend(block.end - start + Math.max(1, block.out.successors.length) * 8)) return undefined;
    blocks.set(start, block);
    for (const next of block.out.successors) {
      const known = frames.get(next);
      if (!known) frames.set(next, refined(code, block, next, frame));
      else if (!known.meet(refined(code, block, next, frame))) continue;
      open.push(next);
    }
  }
  return blocks;
}

/** Slots at which a block begins. */
function findLeaders({ insns, start, end }: FunctionCode): ReadonlySet<number> {
  const leaders = new Set([start]);
  for (let slot = start; slot < end; slot += insns.isLdImm64(slot) ? 2 : 1) {
    if (!isJump(insns.code(slot))) continue;
    leaders.add(slot + 1);
    if (!isExit(insns.code(slot))) leaders.add(jumpTarget(insns, slot));
  }
  return leaders;
}

function followBlock(
  code: FunctionCode,
  leaders: ReadonlySet<number>,
  start: number,
  frame: Frame,
  onCall: (slot: number, frame: Frame) => void,
): Block {
  const { insns, end, loaded } = code;
  let slot = start;
  do {
    if (isJump(insns.code(slot))) return { start, end: slot + 1, out: jumpEnd(code, slot, frame) };
    if (isLocalCall(insns, slot)) onCall(slot, frame);
    frame.step(insns, slot, loaded);
    slot += insns.isLdImm64(slot) ? 2 : 1;
  } while (slot < end && !leaders.has(slot));
  return { start, end: slot, out: goOn(code, [slot]) };
}

function jumpEnd(code: FunctionCode, slot: number, frame: Frame): BlockEnd {
  const { insns } = code;
  const opcode = insns.code(slot);
  if (isExit(opcode)) return { successors: [], isChoice: false };
  const target = jumpTarget(insns, slot);
  const operation = opcode & Jmp.Mask;
  if (operation === Jmp.Ja) return goOn(code, [target]);
  if (operation === Jmp.Cond) return goOn(code, [slot + 1, target]);
  const is32 = (opcode & Class.Mask) === Class.Jmp32;
  const sides = sidesOf(operation, frame.register(insns.dst(slot)), frame.operand(insns, slot), is32);
  return followed(code, sides, slot + 1, target);
}

function followed(code: FunctionCode, sides: Sides, next: number, target: number): BlockEnd {
  if (sides === 'taken') return goOn(code, [target]);
  if (sides === 'not taken') return goOn(code, [next]);
  return { ...goOn(code, [next, target]), isChoice: sides === 'one' && next !== target };
}

/** Jumps out of the function are the verifier's matter. */
function goOn({ start, end }: FunctionCode, targets: readonly number[]): BlockEnd {
  return { successors: targets.filter((target) => target >= start && target < end), isChoice: false };
}

/** What is known on the side of "equal to a constant". */
function refined({ insns }: FunctionCode, block: Block, next: number, frame: Frame): Frame {
  const slot = block.end - 1;
  const code = insns.code(slot);
  const isEquality = code === (Class.Jmp | Jmp.Eq) || code === (Class.Jmp | Jmp.Ne);
  const [notTaken, taken] = block.out.successors;
  if (!isEquality || notTaken === undefined || taken === undefined || notTaken === taken) return frame;
  if (next !== ((code & Jmp.Mask) === Jmp.Eq ? taken : notTaken)) return frame;
  const result = frame.copy();
  if (frame.register(insns.dst(slot)) === 'any')
    result.set(insns.dst(slot), BigInt.asUintN(64, BigInt(insns.imm(slot))));
  return result;
}

function isJump(code: number): boolean {
  const group = code & Class.Mask;
  return (group === Class.Jmp || group === Class.Jmp32) && (code & Jmp.Mask) !== Jmp.Call;
}

function isExit(code: number): boolean {
  return code === (Class.Jmp | Jmp.Exit);
}

export function isLocalCall(insns: Insns, slot: number): boolean {
  return insns.isCall(slot) && insns.src(slot) === CallKind.Local;
}

function jumpTarget(insns: Insns, slot: number): number {
  const isFar = insns.code(slot) === (Class.Jmp32 | Jmp.Ja | Source.K);
  return slot + 1 + (isFar ? insns.imm(slot) : insns.offset(slot));
}
