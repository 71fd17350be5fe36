/**
 * Generated programs for the translated tier: nested loops, branches, breaks, calls of functions, callbacks, map
 * lookups, packet loads, memory of all kinds. The same seed gives the same program.
 */
import { encodeInsn, type InsnFields } from '../../bpf/decode.ts';
import { FORMS, type InsnForm } from '../../bpf/opcodes.ts';
import { EDGE_IMMS } from './isa-values.ts';

/** Bytes of the context: r8 points at the middle of it. */
export const CONTEXT_SIZE = 128;
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 9];
const named = (test: (name: string) => boolean) => FORMS.filter((form) => test(form.name));
const ALU = FORMS.filter(({ code, name }) => [4, 7].includes(code & 7) && name !== 'addr_space_cast');
const LOADS = named((name) => /^(ldx|ldsx|load_acquire)\d+$/.test(name));
const STORES = named((name) => /^(stx?|store_release|atomic_\w+?)\d+$/.test(name));
const JUMPS = FORMS.filter(({ pattern }) => pattern.startsWith('if '));
const PACKETS = named((name) => /^(ldabs|ldind|ld_abs|ld_ind)/.test(name));

export interface Features {
  /** Address of an array map with 4 values of 8 bytes. */
  map: bigint;
  /** Likelihoods in percent that a statement is one that faults, or one that no verifier accepts. */
  wild: number;
  /** Address of a prog array: tail calls to its first 4 places. */
  programs?: bigint;
}

/** Numbers from a seed (mulberry32). */
export function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function generateProgram(seed: number, features: Features): Uint8Array {
  return new Generator(seed, features).program();
}

interface Line {
  fields: InsnFields;
  /** Label that offset or (for calls and function pointers) imm goes to. */
  target?: { label: number; field: 'offset' | 'imm' };
}

class Generator {
  private readonly pick: (below: number) => number;
  private readonly features: Features;
  private readonly lines: Line[] = [];
  /** Line of each label. */
  private readonly labels: number[] = [];
  private readonly functions: number[] = [];
  private readonly callbacks: number[] = [];
  /** Labels behind the loops that are open. */
  private readonly breaks: number[] = [];
  private statements = 0;
  private level = 0;

  constructor(seed: number, features: Features) {
    this.pick = randomNumbers(seed);
    this.features = features;
  }

  program(): Uint8Array {
    const functions = this.pick(4);
    for (let i = 0; i < functions; i++) this.functions.push(this.label());
    if (this.pick(3) === 0) this.callbacks.push(this.label());
    this.function(-1);
    this.functions.forEach((label, index) => {
      this.place(label);
      this.function(index);
    });
    for (const label of this.callbacks) {
      this.place(label);
      this.callback();
    }
    return this.encode();
  }

  private label(): number {
    return this.labels.push(-1) - 1;
  }

  private place(label: number): void {
    this.labels[label] = this.lines.length;
  }

  private emit(code: number, fields: Partial<InsnFields> = {}, target?: Line['target']): void {
    const line: Line = { fields: { code, dst: 0, src: 0, offset: 0, imm: 0, imm2: 0, ...fields } };
    if (target) line.target = target;
    this.lines.push(line);
  }

  private function(index: number): void {
    this.level = index + 1;
    this.statements = 0;
    this.emit(0xbf, { dst: 8, src: 1 });
    if (index < 0) this.emit(0x07, { dst: 8, imm: CONTEXT_SIZE / 2 });
    for (let i = 0; i < 12; i++) this.emit(0x7a, { dst: 10, offset: -128 + 8 * i, imm: i * 0x0101_0101 });
    for (const register of [0, 6, 7, 9]) this.load(register);
    if (index < 0) for (const register of [2, 3, 4, 5]) this.load(register);
    this.load(1);
    this.body(3);
    this.exit();
  }

  /** Reads and writes the context that it gets in r2 (r1 is an index). */
  private callback(): void {
    this.emit(0xbf, { dst: 8, src: 2 });
    for (let i = 0; i < 12; i++) this.emit(0x7a, { dst: 10, offset: -128 + 8 * i, imm: i });
    for (const register of [0, 2, 3, 4, 5, 6, 7, 9]) this.load(register);
    this.level = 100;
    this.body(1);
    this.emit(0x57, { dst: 0, imm: this.pick(4) });
    this.emit(0x95);
  }

  private load(register: number): void {
    this.emit(0x79, { dst: register, src: 8, offset: 8 * this.pick(16) - 64 });
  }

  /** Everything that the function knows goes into r0. */
  private exit(): void {
    for (const register of NUMBERS) {
      this.emit(0x27, { dst: 0, imm: 31 });
      if (register !== 0) this.emit(0x0f, { dst: 0, src: register });
    }
    this.emit(0x95);
  }

  private body(depth: number): void {
    for (let count = 1 + this.pick(6); count > 0; count--) this.statement(depth);
  }

  private statement(depth: number): void {
    if (++this.statements > 80) {
      this.simple();
      return;
    }
    if (this.pick(400) < this.features.wild) {
      this.wild();
      return;
    }
    if (this.features.programs !== undefined && this.pick(20) === 0) {
      this.tailCall(this.features.programs);
      return;
    }
    const kind = this.pick(29);
    if (depth === 0 || kind < 14) this.simple();
    else if (kind < 18) this.branch(depth);
    else if (kind < 22) this.loop(depth);
    else if (kind < 23) this.leaveLoop();
    else if (kind < 25) this.call();
    else if (kind < 27) this.lookup();
    else if (kind < 28) this.callBack();
    else this.packet();
  }

  private simple(): void {
    const kind = this.pick(12);
    if (kind < 7) this.insn(this.one(ALU), this.number(), this.number());
    else if (kind < 9) this.insn(this.one(LOADS), this.number(), this.base());
    else if (kind < 11) this.insn(this.one(STORES), this.base(), this.number());
    else this.emit(0x18, { dst: this.number(), imm: this.imm(), imm2: this.imm() });
  }

  /** One form with operands in its places. */
  private insn(form: InsnForm, dst: number, src: number): void {
    const shows = (...names: string[]) => form.operands.some((shown) => names.includes(shown));
    const uses = shows('src', 'wsrc') || LOADS.includes(form);
    const base = STORES.includes(form) ? dst : src;
    const at = base === 10 ? -8 * (4 + this.pick(11)) + this.pick(3) : this.pick(112) - 64;
    this.emit(form.code, {
      dst,
      src: uses ? src : (form.fixed.src ?? 0),
      offset: shows('off') ? at : (form.fixed.offset ?? 0),
      imm: shows('imm', 'hex') ? this.imm() : (form.fixed.imm ?? 0),
    });
  }

  private jump(form: InsnForm, label: number): void {
    const shows = (...names: string[]) => form.operands.some((shown) => names.includes(shown));
    const src = shows('src', 'wsrc') ? this.number() : 0;
    const fields = { dst: this.number(), src, imm: shows('imm', 'hex') ? this.imm() : 0 };
    this.emit(form.code, fields, { label, field: 'offset' });
  }

  private branch(depth: number): void {
    const [other, end] = [this.label(), this.label()];
    this.jump(this.one(JUMPS), other);
    this.body(depth - 1);
    if (this.pick(2) === 0) {
      this.place(other);
      return;
    }
    this.emit(0x05, {}, { label: end, field: 'offset' });
    this.place(other);
    this.body(depth - 1);
    this.place(end);
  }

  /** Its counter stands on the stack, where nothing else writes. */
  private loop(depth: number): void {
    const [head, end] = [this.label(), this.label()];
    const counter = -8 * depth;
    this.emit(0x7a, { dst: 10, offset: counter, imm: 1 + this.pick(4) });
    this.place(head);
    if (this.pick(3) === 0) this.emit(0xe5, {}, { label: end, field: 'offset' });
    this.breaks.push(end);
    this.body(depth - 1);
    this.breaks.pop();
    const register = this.number();
    this.emit(0x79, { dst: register, src: 10, offset: counter });
    this.emit(0x07, { dst: register, imm: -1 });
    this.emit(0x7b, { dst: 10, src: register, offset: counter });
    if (this.pick(2) === 0) {
      this.emit(0x55, { dst: register }, { label: head, field: 'offset' });
    } else {
      this.emit(0x15, { dst: register }, { label: end, field: 'offset' });
      this.emit(0x05, {}, { label: head, field: 'offset' });
    }
    this.place(end);
  }

  private leaveLoop(): void {
    if (this.breaks.length === 0) {
      this.simple();
      return;
    }
    this.jump(this.one(JUMPS), this.breaks[this.pick(this.breaks.length)] as number);
  }

  private call(): void {
    // Functions call later ones only, or a wild program its callers.
    const wild = this.pick(100) < this.features.wild;
    const callees = wild ? this.functions : this.functions.slice(this.level);
    if (callees.length === 0) {
      this.simple();
      return;
    }
    this.emit(0xbf, { dst: 1, src: 8 });
    const label = this.one(callees);
    if (this.pick(5) === 0) {
      this.emit(0x18, { dst: 6, src: 4 }, { label, field: 'imm' });
      this.emit(0x8d, { dst: 6 });
      this.load(6);
    } else this.emit(0x85, { src: 1 }, { label, field: 'imm' });
    this.afterCall();
  }

  private afterCall(): void {
    for (let register = 1; register <= 5; register++) this.load(register);
  }

  /** Adds to a map value, when there is one of that key. */
  private lookup(): void {
    const skip = this.label();
    this.emit(0x62, { dst: 10, offset: -32, imm: this.pick(6) });
    this.address(1, this.features.map);
    this.emit(0xbf, { dst: 2, src: 10 });
    this.emit(0x07, { dst: 2, imm: -32 });
    this.emit(0x85, { imm: 1 });
    this.afterCall();
    this.emit(0x15, { dst: 0 }, { label: skip, field: 'offset' });
    this.emit(0xdb, { dst: 0, src: 1, imm: 0 });
    this.emit(0x79, { dst: 2, src: 0 });
    this.place(skip);
    this.emit(0xb7, { dst: 0, imm: this.imm() });
  }

  /** bpf_loop */
  private callBack(): void {
    const [label] = this.callbacks;
    if (label === undefined || this.level === 100) {
      this.simple();
      return;
    }
    this.emit(0xb7, { dst: 1, imm: this.pick(5) });
    this.emit(0x18, { dst: 2, src: 4 }, { label, field: 'imm' });
    this.emit(0xbf, { dst: 3, src: 8 });
    this.emit(0xb7, { dst: 4, imm: 0 });
    this.emit(0x85, { imm: 181 });
    this.afterCall();
  }

  /** With the context that main functions get. */
  private tailCall(programs: bigint): void {
    if (this.level === 100) {
      this.simple();
      return;
    }
    this.emit(0xbf, { dst: 1, src: 8 });
    this.emit(0x07, { dst: 1, imm: -CONTEXT_SIZE / 2 });
    this.address(2, programs);
    this.emit(0xb7, { dst: 3, imm: this.pick(5) });
    this.emit(0x85, { imm: 12 });
    this.afterCall();
  }

  private address(register: number, value: bigint): void {
    const [low, high] = [BigInt.asIntN(32, value), BigInt.asIntN(32, value >> 32n)];
    this.emit(0x18, { dst: register, imm: Number(low), imm2: Number(high) });
  }

  private packet(): void {
    const form = this.one(PACKETS);
    const src = form.operands.includes('src') ? 9 : 0;
    if (src) this.emit(0x57, { dst: 9, imm: 15 });
    this.emit(form.code, { src, imm: this.pick(18) });
    for (let register = 1; register <= 5; register++) this.load(register);
  }

  private wild(): void {
    switch (this.pick(5)) {
      case 0:
        this.insn(this.one(LOADS), this.number(), this.number());
        return;
      case 1:
        this.insn(this.one(STORES), this.number(), this.number());
        return;
      case 2:
        this.emit(0x85, { imm: this.pick(220) });
        this.afterCall();
        return;
      case 3:
        this.emit(0x8d, { dst: this.number() });
        return;
      default:
        // A jump to anywhere: loops with several entries, loops without end, parts that functions share.
        if (this.labels.length > 0) this.jump(this.one(JUMPS), this.pick(this.labels.length));
    }
  }

  private number(): number {
    return this.one(NUMBERS);
  }

  private base(): number {
    return this.pick(2) === 0 ? 8 : 10;
  }

  private imm(): number {
    return this.pick(2) === 0 ? this.one(EDGE_IMMS) : this.pick(0xffff_ffff) | 0;
  }

  private one<T>(values: readonly T[]): T {
    return values[this.pick(values.length)] as T;
  }

  private encode(): Uint8Array {
    const slots: number[] = [];
    let slot = 0;
    for (const { fields } of this.lines) {
      slots.push(slot);
      slot += fields.code === 0x18 ? 2 : 1;
    }
    slots.push(slot);
    const parts = this.lines.map(({ fields, target }, index) => {
      if (!target) return encodeInsn(fields);
      const line = this.labels[target.label] as number;
      // A label that was never placed: the next instruction.
      const distance = line < 0 ? 0 : (slots[line] as number) - (slots[index] as number) - 1;
      return encodeInsn({ ...fields, [target.field]: distance });
    });
    return Buffer.concat(parts);
  }
}
