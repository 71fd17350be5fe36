/** Basic blocks of a program, and which registers are live where. */
import { ARGUMENTS, Kind, R10, type Slots } from './slots.ts';
import { Untranslatable } from './untranslatable.ts';

/** No block: what `taken` and `fall` hold where there is no such successor. */
export const NONE = -1;
/** Longer straight lines are several blocks: functions are taken apart between blocks. */
const MAX_INSNS = 1000;

/**
 * Blocks by number, in the order of the program. The last one is empty: it stands behind the last instruction,
 * where running into it is a fault.
 */
export class Blocks {
  readonly slots: Slots;
  readonly count: number;
  /** First slot of each block; one more entry for the end. */
  readonly start: Int32Array;
  /** Block that a jump at the end of each block goes to. */
  readonly taken: Int32Array;
  /** Block that follows when there is no jump or it is not taken. */
  readonly fall: Int32Array;
  /** Registers that may be read before they are written, from the start of each block on. */
  readonly liveIn: Uint16Array;
  /** As `liveIn`, without what only a helper may read. */
  private readonly readIn: Uint16Array;
  /** Functions: blocks that calls go to, and the first one. */
  readonly entries: ReadonlySet<number>;
  /** Those of them whose address the program takes. */
  readonly addressTaken: ReadonlySet<number>;
  private readonly blockAt: Int32Array;

  /** @throws {Untranslatable} */
  constructor(slots: Slots) {
    this.slots = slots;
    const leaders = findLeaders(slots);
    this.blockAt = new Int32Array(slots.count + 1).fill(NONE);
    const starts: number[] = [];
    for (let slot = 0; slot <= slots.count; slot++) {
      if (!leaders[slot]) continue;
      this.blockAt[slot] = starts.length;
      starts.push(slot);
    }
    this.count = starts.length;
    this.start = Int32Array.from([...starts, slots.count]);
    this.taken = new Int32Array(this.count).fill(NONE);
    this.fall = new Int32Array(this.count).fill(NONE);
    for (let block = 0; block < this.count; block++) this.link(block);
    const [entries, addressTaken] = this.findFunctions();
    this.entries = entries;
    this.addressTaken = addressTaken;
    this.liveIn = solveLiveness(this, true);
    this.readIn = solveLiveness(this, false);
  }

  /** The block without instructions. */
  get empty(): number {
    return this.count - 1;
  }

  /** Slot behind the last of a block. */
  end(block: number): number {
    return this.start[block + 1] as number;
  }

  /** Block that starts at a slot. */
  at(slot: number): number {
    return this.blockAt[slot] as number;
  }

  /** Instructions of a block. */
  insns(block: number): number {
    const { index } = this.slots;
    return (index[this.end(block)] as number) - (index[this.start[block] as number] as number);
  }

  hasCall(block: number): boolean {
    for (const slot of backwards(this, block)) if (this.slots.isCall(slot)) return true;
    return false;
  }

  /** Function that the call at a slot goes to. */
  callee(slot: number): number {
    return this.at(this.slots.target(slot));
  }

  /** Last instruction of a block; NONE for the empty one. */
  last(block: number): number {
    const end = this.end(block);
    if (end === this.start[block]) return NONE;
    return end - (this.slots.index[end - 1] === -1 ? 2 : 1);
  }

  /** Registers that may be read before they are written from each instruction of a block on, in order. */
  liveAt(block: number): number[] {
    let live = liveAfter(this, this.liveIn, block);
    const sets: number[] = [];
    for (const slot of backwards(this, block)) {
      live = liveBefore(this, this.liveIn, slot, live, true);
      sets.push(live);
    }
    return sets.reverse();
  }

  /**
   * Looks for what no verified program does and locals do not model: reading what a call left in r1..r5, and
   * writing r10.
   * @throws {Untranslatable}
   */
  checkRegisters(block: number): void {
    const { slots, readIn } = this;
    let live = liveAfter(this, readIn, block);
    for (const slot of backwards(this, block)) {
      if ((slots.writes(slot) & R10) !== 0) throw new Untranslatable(`insn ${slot} writes r10`);
      if (slots.isCall(slot) && !slots.isPoisoned(slot) && (live & ARGUMENTS) !== 0)
        throw new Untranslatable(`r1 to r5 are read after the call of insn ${slot}`);
      live = liveBefore(this, readIn, slot, live, false);
    }
  }

  private link(block: number): void {
    const last = this.last(block);
    if (last === NONE) return;
    const kind = this.slots.kind(last);
    if (kind === Kind.Goto || kind === Kind.Branch) this.taken[block] = this.at(this.slots.target(last));
    if (kind !== Kind.Goto && kind !== Kind.Exit) this.fall[block] = this.at(this.end(block));
  }

  private findFunctions(): [entries: Set<number>, addressTaken: Set<number>] {
    const { slots } = this;
    const entries = new Set([0]);
    const addressTaken = new Set<number>();
    for (let slot = 0; slot < slots.count; slot = slots.next(slot)) {
      if (slots.isFunctionPointer(slot)) addressTaken.add(this.callee(slot));
      else if (slots.kind(slot) === Kind.Call) entries.add(this.callee(slot));
    }
    for (const entry of addressTaken) entries.add(entry);
    return [entries, addressTaken];
  }
}

function findLeaders(slots: Slots): Uint8Array {
  const leaders = new Uint8Array(slots.count + 1);
  leaders[0] = leaders[slots.count] = 1;
  for (let slot = 0; slot < slots.count; slot = slots.next(slot)) {
    const kind = slots.kind(slot);
    if (slots.isFunctionPointer(slot) || kind === Kind.Call) leaders[slots.target(slot)] = 1;
    if (kind !== Kind.Goto && kind !== Kind.Branch && kind !== Kind.Exit) continue;
    leaders[slots.next(slot)] = 1;
    if (kind !== Kind.Exit) leaders[slots.target(slot)] = 1;
  }
  for (let slot = 0, insns = 0; slot < slots.count; slot = slots.next(slot), insns++) {
    if (insns === MAX_INSNS) leaders[slot] = 1;
    if (leaders[slot] === 1) insns = 0;
  }
  return leaders;
}

/**
 * Backward data flow over all functions at once; a call reads what its callee reads before writing it.
 * @param passed whether helpers read all argument registers, or none
 */
function solveLiveness(blocks: Blocks, passed: boolean): Uint16Array {
  const liveIn = new Uint16Array(blocks.count);
  const readers = dependents(blocks);
  const work = Array.from({ length: blocks.count }, (_, block) => block);
  const queued = new Uint8Array(blocks.count).fill(1);
  while (work.length > 0) {
    const block = work.pop() as number;
    queued[block] = 0;
    let live = liveAfter(blocks, liveIn, block);
    for (const slot of backwards(blocks, block)) live = liveBefore(blocks, liveIn, slot, live, passed);
    if (live === liveIn[block]) continue;
    liveIn[block] = live;
    for (const reader of readers[block] ?? []) {
      if (queued[reader]) continue;
      queued[reader] = 1;
      work.push(reader);
    }
  }
  return liveIn;
}

/** Blocks to look at again when the live registers of a block change. */
function dependents(blocks: Blocks): number[][] {
  const { slots } = blocks;
  const readers: number[][] = Array.from({ length: blocks.count }, () => []);
  for (let block = 0; block < blocks.count; block++) {
    for (const next of [blocks.taken[block], blocks.fall[block]]) {
      if (next !== undefined && next !== NONE) readers[next]?.push(block);
    }
    for (let slot = blocks.start[block] as number; slot < blocks.end(block); slot = slots.next(slot)) {
      if (slots.kind(slot) === Kind.Call) readers[blocks.callee(slot)]?.push(block);
    }
  }
  return readers;
}

/** Instructions of a block, the last one first. */
function* backwards(blocks: Blocks, block: number): Generator<number> {
  const start = blocks.start[block] as number;
  for (let slot = blocks.end(block) - 1; slot >= start; slot--) {
    if (blocks.slots.index[slot] !== -1) yield slot;
  }
}

function liveAfter(blocks: Blocks, liveIn: Uint16Array, block: number): number {
  const [taken, fall] = [blocks.taken[block] as number, blocks.fall[block] as number];
  return (taken === NONE ? 0 : (liveIn[taken] as number)) | (fall === NONE ? 0 : (liveIn[fall] as number));
}

function liveBefore(
  blocks: Blocks,
  liveIn: Uint16Array,
  slot: number,
  after: number,
  passed: boolean,
): number {
  const { slots } = blocks;
  const live = (after & ~slots.writes(slot)) | slots.reads(slot, passed);
  if (slots.kind(slot) !== Kind.Call) return live;
  return live | (liveIn[blocks.callee(slot)] as number);
}
