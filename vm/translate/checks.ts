/**
 * Which accesses check that they stay in low memory, and for how far. Accesses at constant distances from one
 * value - fields of a record, the rounds of an unrolled loop - share one check, made in front of the first of
 * them. It may cover more than a run comes to access: where it fails, the interpreter goes on, and sees what is so.
 */
import { Alu, Class, Source } from '../../bpf/isa.ts';
import { type Blocks, NONE } from './blocks.ts';
import type { Flow } from './flow.ts';
import { predecessors } from './graph.ts';
import type { Slots } from './slots.ts';

/** Accesses that are farther apart check for themselves. */
const MAX_SPREAD = 2048;
/** Blocks to look back for a check. */
const MAX_DISTANCE = 256;
/** Constants beyond this are values of their own. */
const MAX_CONSTANT = 2 ** 31;

/** Bytes to check, from `start` (relative to the access) on. */
export interface Check {
  start: number;
  length: number;
}

/** A memory access of an instruction. */
export interface Access {
  base: number;
  offset: number;
  /** 1, 2, 4 or 8 */
  size: number;
}

/** What is known of a register: a value without a name of its own, and a constant to add. */
interface Value {
  number: number;
  plus: number;
}

/** The access of an instruction that needs a check, as bytes counted from a value. */
interface Site {
  node: number;
  slot: number;
  value: number;
  from: number;
  to: number;
}

interface Range {
  from: number;
  to: number;
}

/** Checks of a function's accesses. */
export class Checks {
  private readonly program: Blocks;
  private readonly flow: Flow;
  private readonly slots: Slots;
  private readonly accessOf: (slot: number) => Access | undefined;
  /** The one node that leads to each, NONE where ways join. */
  private readonly parent: Int32Array;
  private readonly sites: Site[] = [];
  private readonly checks = new Map<number, Map<number, Check>>();
  private values = 0;
  private readonly sums = new Map<string, number>();

  /** @param accessOf the access of an instruction, when it needs a check */
  constructor(program: Blocks, flow: Flow, accessOf: (slot: number) => Access | undefined) {
    this.program = program;
    this.flow = flow;
    this.slots = program.slots;
    this.accessOf = accessOf;
    this.parent = parents(flow);
    this.findSites();
    this.decide();
  }

  /** What the access of an instruction checks; undefined when it needs no check of its own. */
  of(node: number, slot: number): Check | undefined {
    return this.checks.get(node)?.get(slot);
  }

  private findSites(): void {
    const ends: Value[][] = [];
    for (let node = 0; node < this.flow.count; node++) {
      const parent = this.parent[node] as number;
      const before = parent === NONE ? undefined : ends[parent];
      const values = Array.from({ length: 11 }, (_, register) => before?.[register] ?? this.fresh());
      const block = this.flow.graph.blocks[node] as number;
      const end = this.program.end(block);
      for (let slot = this.program.start[block] as number; slot < end; slot = this.slots.next(slot)) {
        this.note(node, slot, values);
        this.step(slot, values);
      }
      ends[node] = values;
    }
  }

  private note(node: number, slot: number, values: readonly Value[]): void {
    const access = this.accessOf(slot);
    if (!access) return;
    const { number, plus } = values[access.base] as Value;
    const from = plus + access.offset;
    this.sites.push({ node, slot, value: number, from, to: from + access.size });
  }

  /** What an instruction makes of the registers' values. */
  private step(slot: number, values: Value[]): void {
    const written = this.slots.writes(slot);
    const dst = this.slots.dst(slot);
    const result = this.result(slot, values);
    for (let register = 0; register < values.length; register++) {
      if ((written & (1 << register)) === 0) continue;
      values[register] = register === dst && result ? result : this.fresh();
    }
  }

  private result(slot: number, values: readonly Value[]): Value | undefined {
    const code = this.slots.code(slot);
    if ((code & Class.Mask) !== Class.Alu64) return undefined;
    const dst = values[this.slots.dst(slot)] as Value;
    const fromRegister = (code & Source.X) !== 0;
    const src = values[this.slots.src(slot)] as Value;
    switch (code & Alu.Mask) {
      case Alu.Mov:
        return fromRegister && this.slots.offset(slot) === 0 ? src : undefined;
      case Alu.Add:
        if (!fromRegister) return plus(dst, this.slots.imm(slot));
        return plus({ number: this.sum(dst.number, src.number), plus: dst.plus }, src.plus);
      case Alu.Sub:
        return fromRegister ? undefined : plus(dst, -this.slots.imm(slot));
      default:
        return undefined;
    }
  }

  private fresh(): Value {
    return { number: this.values++, plus: 0 };
  }

  private sum(one: number, other: number): number {
    const key = one < other ? `${one}+${other}` : `${other}+${one}`;
    const known = this.sums.get(key) ?? this.values++;
    this.sums.set(key, known);
    return known;
  }

  private decide(): void {
    const ranges = new Map<number, Range>();
    for (const { value, from, to } of this.sites) {
      const range = ranges.get(value);
      ranges.set(value, { from: Math.min(range?.from ?? from, from), to: Math.max(range?.to ?? to, to) });
    }
    const checkedIn = new Map<number, number[]>();
    for (const site of this.sites) {
      const range = ranges.get(site.value) as Range;
      const alone = range.to - range.from > MAX_SPREAD;
      const nodes = checkedIn.get(site.value) ?? [];
      if (!alone && nodes.some((node) => this.isBefore(node, site.node))) continue;
      const { from, to } = alone ? site : range;
      const checks = this.checks.get(site.node) ?? new Map<number, Check>();
      checks.set(site.slot, { start: from - site.from, length: to - from });
      this.checks.set(site.node, checks);
      checkedIn.set(site.value, [...nodes, site.node]);
    }
  }

  /** Whether every way to a node leads through another, as far as is looked. */
  private isBefore(above: number, below: number): boolean {
    let node = below;
    for (let steps = 0; node > above && steps < MAX_DISTANCE; steps++) node = this.parent[node] as number;
    return node === above;
  }
}

function plus({ number, plus }: Value, constant: number): Value | undefined {
  const sum = plus + constant;
  return Math.abs(sum) < MAX_CONSTANT ? { number, plus: sum } : undefined;
}

function parents(flow: Flow): Int32Array {
  const parent = new Int32Array(flow.count).fill(NONE);
  predecessors(flow.graph).forEach((from, node) => {
    const [only] = from;
    if (from.length === 1 && only !== undefined && only < node) parent[node] = only;
  });
  return parent;
}
