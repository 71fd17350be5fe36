/**
 * A function while it is being made up: its text so far, and a rough idea of what its registers hold, so that
 * what comes next makes sense to a verifier more often than not.
 *
 * Each place where a program can go wrong asks `slip()`. The answer is yes for one place of a program at most, so
 * that a program is either as good as its strategies can make it, or wrong in one known way.
 */
import type { ContextType } from './contexts.ts';
import type { MapName } from './maps.ts';
import type { GeneratedFunction, Param } from './program.ts';
import type { Random } from './random.ts';

/** What a register holds. */
export type Value =
  /** A number; 0 to `max` where that is known. */
  | { kind: 'scalar'; max?: number | undefined }
  | { kind: 'ctx' }
  /** Memory of which `size` bytes from the register's value on may be accessed. */
  | { kind: 'memory'; size: number; writable: boolean; map?: MapName };

export const CTX: Value = { kind: 'ctx' };
export const SCALAR: Value = { kind: 'scalar' };

/** What all functions of a program share. */
export interface Shared {
  readonly random: Random;
  readonly context: ContextType;
  readonly unprivileged: boolean;
  readonly functions: GeneratedFunction[];
  /** Number of the place that goes wrong; -1: none. */
  readonly slipAt: number;
  /** Places met so far. */
  places: number;
  labels: number;
  /** How many more instructions the program may get, about. */
  budget: number;
}

const SAVED: readonly number[] = [6, 7, 8, 9];
const ALL: readonly number[] = [0, 1, 2, 3, 4, 5, ...SAVED];
const CALLER_SAVED: readonly number[] = [0, 1, 2, 3, 4, 5];
const STACK = 512;

export class Draft {
  readonly shared: Shared;
  readonly random: Random;
  /** Register that the context is kept in, undefined when the function has none. */
  ctx: number | undefined;
  /** Open bodies around the current place: branches, loops, sections. */
  depth = 0;
  /** No function may be called here (a lock is held). */
  quiet = false;
  private readonly lines: string[] = [];
  private readonly values = new Map<number, Value>();
  private readonly pinned = new Set<number>();
  /** Labels to go to in order to give up, innermost last. */
  private readonly exits: string[] = ['out'];
  /** Labels that something leads to. */
  private readonly targets = new Set<string>();
  private stackUsed = 0;
  readonly stackLimit: number;

  constructor(shared: Shared, stackLimit = STACK) {
    this.shared = shared;
    this.random = shared.random;
    this.stackLimit = stackLimit;
  }

  emit(...lines: string[]): void {
    this.shared.budget -= lines.length;
    for (const line of lines) {
      const target = /goto (\w+)$/.exec(line)?.[1];
      if (target) this.targets.add(target);
    }
    this.lines.push(...lines);
  }

  /** Whether to go wrong here. */
  slip(): boolean {
    return this.shared.places++ === this.shared.slipAt;
  }

  label(): string {
    return `l${this.shared.labels++}`;
  }

  place(label: string): void {
    this.lines.push(`${label}:`);
  }

  /** Where to go to give up. */
  get exit(): string {
    return this.exits.at(-1) ?? 'out';
  }

  /** Where those that give up arrive, if anyone may: what nothing leads to would be refused. */
  landing(label: string, body: () => void): void {
    if (!this.targets.has(label)) return;
    this.place(label);
    body();
  }

  /** The same in the middle of a function: what goes on jumps over it, to `end`. */
  aside(label: string, end: string, body: () => void): void {
    if (this.targets.has(label)) this.emit(`goto ${end}`);
    this.landing(label, body);
    this.place(end);
  }

  /** Runs a body with another place to go to in order to give up. */
  withExit(label: string, body: () => void): void {
    this.exits.push(label);
    body();
    this.exits.pop();
  }

  savedLeft(): number {
    return SAVED.filter((register) => !this.pinned.has(register)).length;
  }

  /** Takes a register for a while: nothing else is put into it. */
  take(saved = false): number {
    const candidates = (saved ? SAVED : ALL).filter((register) => !this.pinned.has(register));
    const register = this.random.pick(candidates);
    this.pin(register);
    return register;
  }

  pin(register: number): void {
    this.pinned.add(register);
    this.values.delete(register);
  }

  /** Gives a register back; what it holds may be used by others. */
  give(register: number, value?: Value): void {
    this.pinned.delete(register);
    if (value) this.values.set(register, value);
    else this.values.delete(register);
  }

  /** Takes a register, runs the body, gives it back. */
  using(body: (register: number) => Value | undefined, saved = false): void {
    const register = this.take(saved);
    this.give(register, body(register));
  }

  valueOf(register: number): Value | undefined {
    return this.values.get(register);
  }

  /** A register that holds a number nobody needs, to compute with. */
  knownScalar(): number | undefined {
    const found = [...this.values]
      .filter(([, value]) => value.kind === 'scalar')
      .map(([register]) => register);
    return found.length === 0 ? undefined : this.random.pick(found);
  }

  /** A register with memory behind it. */
  knownMemory(): [number, Value & { kind: 'memory' }] | undefined {
    const found: [number, Value & { kind: 'memory' }][] = [];
    for (const [register, value] of this.values) if (value.kind === 'memory') found.push([register, value]);
    return found.length === 0 ? undefined : this.random.pick(found);
  }

  /** Calls something: r1 to r5 and r0 are lost. */
  call(target: string, result?: Value): void {
    this.emit(`call ${target}`);
    this.clobber(result);
  }

  clobber(result?: Value): void {
    for (const register of CALLER_SAVED) this.values.delete(register);
    if (result && !this.pinned.has(0)) this.values.set(0, result);
  }

  /** Whether the argument registers are free to set up a call. */
  canCall(except?: number): boolean {
    return !this.quiet && CALLER_SAVED.every((register) => register === except || !this.pinned.has(register));
  }

  /**
   * Room on the stack that nothing else uses.
   * @returns its lowest offset from r10, a multiple of 8; undefined when the stack is full.
   */
  stack(size: number): number | undefined {
    const rounded = (size + 7) & ~7;
    if (this.stackUsed + rounded > this.stackLimit) return undefined;
    this.stackUsed += rounded;
    return -this.stackUsed;
  }

  /** Forgets what registers hold that a body changed: it may not have run. */
  maybe(body: () => void): void {
    const before = new Map(this.values);
    this.depth++;
    body();
    this.depth--;
    for (const [register, value] of this.values) {
      const same = before.get(register);
      if (!same || JSON.stringify(same) !== JSON.stringify(value)) this.values.delete(register);
    }
  }

  forgetAll(): void {
    this.values.clear();
  }

  finish(kind: GeneratedFunction['kind'], params: readonly Param[]): GeneratedFunction {
    return { kind, params, text: this.lines.join('\n') };
  }
}

/** `(r7 +8)` */
export function address(register: number, offset: number): string {
  return `(r${register} ${offset < 0 ? '-' : '+'}${Math.abs(offset)})`;
}

export const WIDTHS = [1, 2, 4, 8] as const;
export type Width = (typeof WIDTHS)[number];

/** `*(u32 *)(r7 +8)` */
export function memory(width: Width, register: number, offset: number, signed = false): string {
  return `*(${signed ? 's' : 'u'}${width * 8} *)${address(register, offset)}`;
}
