/**
 * Which instructions of a program a verifier certainly comes to, whatever the answers to the questions are that the
 * program asks (CO-RE existence, weak symbols, configuration, read-only data). What stands behind such a question is
 * not needed where the answer leads elsewhere: the verifier does not look at code that no path reaches.
 *
 * It errs on the quiet side: an instruction that is not listed may be come to all the same.
 */
import type { Insns } from '../loader/insns.ts';
import type { Loaded } from './frame.ts';
import { type Block, type Budget, type FunctionCode, followFunction, isLocalCall } from './function-flow.ts';
import { meetingPoints } from './post-dominators.ts';
import { joinCalls, type Value } from './values.ts';

export interface FunctionPart {
  readonly start: number;
  readonly end: number;
  /** It is verified by itself, for whatever it may be called with. */
  readonly isGlobal: boolean;
}

export interface JudgedCode {
  readonly insns: Insns;
  /** By rising start; the first one is where the program begins. */
  readonly parts: readonly FunctionPart[];
  readonly loaded: Loaded;
}

/** Larger programs are not judged. */
const MAX_SLOTS = 1 << 17;
const PARAMETERS = 5;
const UNKNOWN: readonly Value[] = new Array<Value>(PARAMETERS).fill('any');

/** One byte for each slot: 1 where the verifier certainly comes to; nowhere when the budget does not suffice. */
export function certainSlots(code: JudgedCode, budget: Budget): Uint8Array {
  const nowhere = new Uint8Array(code.insns.count);
  if (code.insns.count > MAX_SLOTS) return nowhere;
  const judge = new Judge(code, budget);
  return judge.follow() && judge.mark() ? judge.certain : nowhere;
}

class Judge {
  readonly certain: Uint8Array;
  private readonly code: JudgedCode;
  private readonly budget: Budget;
  private readonly byStart: ReadonlyMap<number, FunctionPart>;
  private readonly parameters = new Map<FunctionPart, Value[]>();
  private readonly blocks = new Map<FunctionPart, Map<number, Block>>();

  constructor(code: JudgedCode, budget: Budget) {
    this.code = code;
    this.budget = budget;
    this.certain = new Uint8Array(code.insns.count);
    this.byStart = new Map(code.parts.map((part) => [part.start, part]));
  }

  /** Finds what each function's blocks are; false when that takes too long. */
  follow(): boolean {
    const [main] = this.code.parts;
    if (!main) return false;
    this.parameters.set(main, [...UNKNOWN]);
    const open = [main];
    for (let part = open.pop(); part; part = open.pop()) {
      const found = followFunction(
        this.functionCode(part),
        this.parameters.get(part) ?? UNKNOWN,
        this.budget,
        (slot, frame) => {
          const callee = this.calleeOf(slot);
          const given = Array.from({ length: PARAMETERS }, (_, index) => frame.register(index + 1));
          if (callee && this.enter(callee, given)) open.push(callee);
        },
      );
      if (!found) return false;
      this.blocks.set(part, found);
      for (const callee of this.addressed(found)) if (this.enter(callee, [...UNKNOWN])) open.push(callee);
    }
    return true;
  }

  /** Marks what is come to from the program's beginning on; false when that takes too long. */
  mark(): boolean {
    const done = new Set<FunctionPart>();
    const open = this.code.parts.slice(0, 1);
    for (let part = open.pop(); part; part = open.pop()) {
      if (done.has(part)) continue;
      done.add(part);
      const blocks = this.blocks.get(part);
      if (!blocks || !this.markFunction(part, blocks)) return false;
      open.push(...this.calledFrom(blocks));
    }
    return true;
  }

  private functionCode({ start, end }: FunctionPart): FunctionCode {
    return { insns: this.code.insns, start, end, loaded: this.code.loaded };
  }

  /** Whether a call tells something new of the function's parameters. */
  private enter(callee: FunctionPart, given: Value[]): boolean {
    const before = this.parameters.get(callee);
    const values = callee.isGlobal ? [...UNKNOWN] : given;
    if (!before) {
      this.parameters.set(callee, values);
      return true;
    }
    let changed = false;
    for (const [index, value] of values.entries()) {
      const after = joinCalls(before[index] ?? 'any', value);
      if (after === before[index]) continue;
      before[index] = after;
      changed = true;
    }
    return changed;
  }

  private markFunction(part: FunctionPart, blocks: ReadonlyMap<number, Block>): boolean {
    const hasChoice = [...blocks.values()].some(({ out }) => out.isChoice);
    const meeting = hasChoice ? meetingPoints(blocks, this.budget) : new Map<number, number>();
    if (!meeting) return false;
    const open = [part.start];
    for (let start = open.pop(); start !== undefined; start = open.pop()) {
      const block = blocks.get(start);
      if (!block || this.certain[start] === 1) continue;
      this.certain.fill(1, block.start, block.end);
      const meets = meeting.get(start);
      if (!block.out.isChoice) open.push(...block.out.successors);
      else if (meets !== undefined) open.push(meets);
    }
    return true;
  }

  /** Functions that certain instructions call, or take the address of. */
  private calledFrom(blocks: ReadonlyMap<number, Block>): FunctionPart[] {
    const certain = [...blocks.values()].filter(({ start }) => this.certain[start] === 1);
    const called: FunctionPart[] = [];
    for (const { start, end } of certain) {
      for (let slot = start; slot < end; slot++) {
        const callee = this.calleeOf(slot);
        called.push(...(callee ? [callee] : this.addressAt(slot)));
      }
    }
    return called;
  }

  private addressed(blocks: ReadonlyMap<number, Block>): FunctionPart[] {
    const found: FunctionPart[] = [];
    for (const { start, end } of blocks.values()) {
      for (let slot = start; slot < end; slot++) found.push(...this.addressAt(slot));
    }
    return found;
  }

  private calleeOf(slot: number): FunctionPart | undefined {
    const { insns } = this.code;
    return isLocalCall(insns, slot) ? this.byStart.get(slot + 1 + insns.imm(slot)) : undefined;
  }

  private addressAt(slot: number): FunctionPart[] {
    const { insns } = this.code;
    const part = insns.isFunctionAddress(slot) ? this.byStart.get(slot + 1 + insns.imm(slot)) : undefined;
    return part ? [part] : [];
  }
}
