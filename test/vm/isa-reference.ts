/**
 * A second interpreter to hold the first against: small, slow, in BigInt, written from RFC 9669 alone. It
 * knows one memory block (r1 points at it on entry, r2 is its length), a stack of 512 bytes a frame, local
 * calls and everything of sections 4 and 5 but helpers, maps and packets.
 */
import { decode, type Insn, imm64 } from '../../bpf/decode.ts';

export interface ReferenceResult {
  /** r0 at exit, 0..2^64-1. */
  r0: bigint;
  /** The memory block after the run. */
  memory: Uint8Array;
}

/** Where the reference pretends the block and the stacks to be; results must not depend on it. */
const MEMORY = 0x10_0000_0000n;
const STACK = 0x20_0000_0000n;
const STACK_SIZE = 512;
const FRAMES = 8;
const MAX_STEPS = 100_000;

export const u64 = (value: bigint) => BigInt.asUintN(64, value);
export const s64 = (value: bigint) => BigInt.asIntN(64, value);
const unsigned = (bits: number, value: bigint) => BigInt.asUintN(bits, value);
const signed = (bits: number, value: bigint) => BigInt.asIntN(bits, value);

/** Runs a program to its end. Throws when it does what RFC 9669 does not define. */
export function interpret(program: Uint8Array, block: Uint8Array = new Uint8Array(0)): ReferenceResult {
  return new Reference(program, block).run();
}

class Reference {
  private readonly insns = new Map<number, Insn>();
  private readonly memory: Uint8Array;
  private readonly stacks = new Uint8Array(STACK_SIZE * FRAMES);
  private readonly registers: bigint[] = new Array(11).fill(0n);
  private readonly frames: { next: number; saved: bigint[] }[] = [];
  private next = 0;

  constructor(program: Uint8Array, block: Uint8Array) {
    for (const insn of decode(program)) this.insns.set(insn.slot, insn);
    this.memory = Uint8Array.from(block);
    this.registers[1] = MEMORY;
    this.registers[2] = BigInt(block.length);
    this.registers[10] = STACK + BigInt(STACK_SIZE);
  }

  run(): ReferenceResult {
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const insn = this.insns.get(this.next);
      if (!insn) throw new Error(`no instruction at slot ${this.next}`);
      this.next += insn.slots;
      if (insn.code === 0x95 && this.frames.length === 0) return { r0: this.get(0), memory: this.memory };
      this.step(insn);
    }
    throw new Error(`no end after ${MAX_STEPS} instructions`);
  }

  private get(register: number): bigint {
    return this.registers[register] as bigint;
  }

  private set(register: number, value: bigint): void {
    this.registers[register] = u64(value);
  }

  private step(insn: Insn): void {
    const cls = insn.code & 7;
    const { code, dst, src } = insn;
    const address = (base: number) => u64(this.get(base) + BigInt(insn.offset));
    const bytes = [4, 2, 1, 8][(code >> 3) & 3] as number;
    if (code === 0x18) this.set(dst, imm64(insn));
    else if (cls === 4 || cls === 7) this.alu(insn, cls === 7 ? 64 : 32);
    else if (cls === 5 || cls === 6) this.jump(insn, cls === 5 ? 64 : 32);
    else if (cls === 1 && code >> 5 === 3) this.set(dst, this.read(address(src), bytes));
    else if (cls === 1 && code >> 5 === 4) this.set(dst, signed(bytes * 8, this.read(address(src), bytes)));
    else if (cls === 2) this.write(address(dst), bytes, BigInt(insn.imm));
    else if (cls === 3 && code >> 5 === 3) this.write(address(dst), bytes, this.get(src));
    else if (cls === 3 && code >> 5 === 6) this.atomic(insn, bytes);
    else throw new Error(`opcode 0x${code.toString(16)} is beyond the reference`);
  }

  private alu(insn: Insn, bits: number): void {
    const { code, dst, src, offset, imm } = insn;
    const operation = code >> 4;
    const second = code & 8 ? this.get(src) : BigInt(imm);
    if (operation === 0xd) this.set(dst, swapBytes(this.get(dst), imm, (code & 7) === 7 || (code & 8) !== 0));
    else if (operation === 0xb && offset !== 0) this.set(dst, unsigned(bits, signed(offset, second)));
    else this.set(dst, arithmetic(operation, bits, offset === 1, this.get(dst), second));
  }

  private jump(insn: Insn, bits: number): void {
    const { code, dst, src, offset, imm } = insn;
    const operation = code >> 4;
    if (code === 0x05) this.next += offset;
    else if (code === 0x06) this.next += imm;
    else if (code === 0x85 && src === 1) this.call(imm);
    else if (code === 0x95) this.return();
    else if (operation === 8 || operation === 9 || operation === 0xe) throw new Error('beyond the reference');
    else {
      const second = code & 8 ? this.get(src) : BigInt(imm);
      if (condition(operation, bits, this.get(dst), second)) this.next += offset;
    }
  }

  private call(distance: number): void {
    if (this.frames.length + 1 === FRAMES) throw new Error('more than 8 frames');
    this.frames.push({ next: this.next, saved: this.registers.slice(6) });
    this.next += distance;
    this.set(10, this.get(10) + BigInt(STACK_SIZE));
  }

  private return(): void {
    const frame = this.frames.pop();
    if (!frame) throw new Error('no frame');
    this.next = frame.next;
    this.registers.splice(6, 5, ...frame.saved);
  }

  private atomic(insn: Insn, bytes: number): void {
    const { dst, src, imm, offset } = insn;
    const at = (base: number) => u64(this.get(base) + BigInt(offset));
    if (imm === 0x100) this.set(dst, this.read(at(src), bytes));
    else if (imm === 0x110) this.write(at(dst), bytes, this.get(src));
    else this.modify(insn, at(dst), bytes);
  }

  /** Section 5.3: the cell, then the register that receives its old value. */
  private modify({ src, imm }: Insn, address: bigint, bytes: number): void {
    const old = this.read(address, bytes);
    const operand = this.get(src);
    if (imm === 0xf1) {
      if (old === unsigned(bytes * 8, this.get(0))) this.write(address, bytes, operand);
      this.set(0, old);
      return;
    }
    const value = imm === 0xe1 ? operand : arithmetic((imm & ~1) >> 4, bytes * 8, false, old, operand);
    this.write(address, bytes, value);
    if (imm & 1) this.set(src, old);
  }

  private read(address: bigint, bytes: number): bigint {
    const { block, at } = this.locate(address, bytes);
    let value = 0n;
    for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(block[at + i] as number);
    return value;
  }

  private write(address: bigint, bytes: number, value: bigint): void {
    const { block, at } = this.locate(address, bytes);
    for (let i = 0; i < bytes; i++) block[at + i] = Number((u64(value) >> BigInt(8 * i)) & 0xffn);
  }

  private locate(address: bigint, bytes: number): { block: Uint8Array; at: number } {
    const [block, base] = address >= STACK ? [this.stacks, STACK] : [this.memory, MEMORY];
    const at = Number(address - base);
    if (at < 0 || at + bytes > block.length) throw new Error(`access outside memory: ${address - base}`);
    return { block, at };
  }
}

/** RFC 9669 section 4.1. `operation` is the high nibble of the opcode; the result is zero-extended. */
export function arithmetic(
  operation: number,
  bits: number,
  isSigned: boolean,
  dst: bigint,
  src: bigint,
): bigint {
  const [a, b] = [unsigned(bits, dst), unsigned(bits, src)];
  const [x, y] = [signed(bits, dst), signed(bits, src)];
  const shift = b & BigInt(bits - 1);
  const results: Record<number, () => bigint> = {
    0: () => a + b,
    1: () => a - b,
    2: () => a * b,
    // BigInt divides towards zero, as sdiv and smod do; INT_MIN / -1 wraps when cut to its width.
    3: () => (b === 0n ? 0n : isSigned ? x / y : a / b),
    4: () => a | b,
    5: () => a & b,
    6: () => a << shift,
    7: () => a >> shift,
    8: () => -a,
    9: () => (b === 0n ? a : isSigned ? x % y : a % b),
    10: () => a ^ b,
    11: () => b,
    12: () => x >> shift,
  };
  const result = results[operation];
  if (!result) throw new Error(`there is no operation ${operation}`);
  return unsigned(bits, result());
}

/** RFC 9669 section 4.2: the low `bits`, in reverse byte order when `swap`, zero-extended. */
export function swapBytes(value: bigint, bits: number, swap: boolean): bigint {
  const digits = unsigned(bits, value)
    .toString(16)
    .padStart(bits / 4, '0');
  return BigInt(`0x${swap ? (digits.match(/../g) ?? []).reverse().join('') : digits}`);
}

/** RFC 9669 section 4.3. */
export function condition(operation: number, bits: number, dst: bigint, src: bigint): boolean {
  const [a, b] = [unsigned(bits, dst), unsigned(bits, src)];
  const [x, y] = [signed(bits, dst), signed(bits, src)];
  switch (operation) {
    case 0x1:
      return a === b;
    case 0x2:
      return a > b;
    case 0x3:
      return a >= b;
    case 0x4:
      return (a & b) !== 0n;
    case 0x5:
      return a !== b;
    case 0x6:
      return x > y;
    case 0x7:
      return x >= y;
    case 0xa:
      return a < b;
    case 0xb:
      return a <= b;
    case 0xc:
      return x < y;
    case 0xd:
      return x <= y;
    default:
      throw new Error(`there is no condition ${operation}`);
  }
}
