/** Locals of a translated function: r0..r10, the fuel, and what else its instructions need. */
import { State } from '../../bpf/abi.ts';
import { Limit } from '../../bpf/isa.ts';
import type { Code } from './code.ts';
import type { Runtime } from './runtime.ts';
import { Type, Wasm } from './wasm-op.ts';

/** Bytes of the widest access. */
export const WIDEST = 8;

export class Locals {
  readonly code: Code;
  /** i64: what is left of the budget. The last parameter of every function, and the last result. */
  readonly fuel: number;
  private readonly runtime: Runtime;
  private readonly registers: number[] = [];
  private spanLocal: number | undefined;
  private lowLocal: number | undefined;
  private frameLocal: number | undefined;
  private mayGotoLocal: number | undefined;
  private readonly scratch = new Map<string, number>();

  /** @param params registers that are parameters, in order */
  constructor(code: Code, runtime: Runtime, params: readonly number[]) {
    this.code = code;
    this.runtime = runtime;
    params.forEach((register, local) => {
      this.registers[register] = local;
    });
    this.fuel = params.length;
  }

  /** For a part of a function: takes registers, and what may_goto grants, out of the state record. */
  restore(registers: readonly number[], withMayGoto: boolean): void {
    const take = (local: number, at: number): void => {
      this.code.i32(0);
      this.code.memory(Wasm.I64Load, at);
      this.code.set(local);
    };
    this.code.atEntry(() => {
      for (const register of registers) take(this.of(register), State.Regs + 8 * register);
      if (!withMayGoto) return;
      this.mayGotoLocal = this.code.local(Type.I64);
      take(this.mayGotoLocal, State.MayGoto);
    });
  }

  /** Local of a register. */
  of(register: number): number {
    this.registers[register] ??= this.code.local(Type.I64);
    return this.registers[register] as number;
  }

  get(register: number): void {
    this.code.get(this.of(register));
  }

  /** Low 32 bits as i32. */
  get32(register: number): void {
    this.get(register);
    this.code.op(Wasm.I32WrapI64);
  }

  set(register: number): void {
    this.code.set(this.of(register));
  }

  /** An i32, zero-extended. */
  set32(register: number): void {
    this.code.op(Wasm.I64ExtendI32U);
    this.set(register);
  }

  /** A local that holds something from one instruction of WebAssembly to one of the next. */
  temporary(name: string, type: Type): number {
    const key = `${name}:${type}`;
    const local = this.scratch.get(key) ?? this.code.local(type);
    this.scratch.set(key, local);
    return local;
  }

  /** i64: how far behind the start of low memory an access may start on the fast path. */
  get span(): number {
    if (this.spanLocal === undefined) {
      const span = this.code.local(Type.I64);
      this.spanLocal = span;
      this.code.atEntry(() => {
        this.code.global(this.runtime.lowSpan);
        this.code.i64(WIDEST - 1);
        this.code.op(Wasm.I64Sub);
        this.code.set(span);
      });
    }
    return this.spanLocal;
  }

  /** i64: what to add to the address of low memory for 0. Not a constant for the engine: it would repeat it everywhere. */
  get low(): number {
    if (this.lowLocal === undefined) {
      const low = this.code.local(Type.I64);
      this.lowLocal = low;
      this.code.atEntry(() => {
        this.code.global(this.runtime.low);
        this.code.set(low);
      });
    }
    return this.lowLocal;
  }

  /** i32: linear offset of the lowest byte of the function's stack. */
  get frame(): number {
    if (this.frameLocal === undefined) {
      const frame = this.code.local(Type.I32);
      this.frameLocal = frame;
      this.code.atEntry(() => {
        // The direct map starts at a multiple of 4 GiB: the low half of an address is its linear offset.
        this.get32(10);
        this.code.i32(Limit.Stack);
        this.code.op(Wasm.I32Sub);
        this.code.set(frame);
      });
    }
    return this.frameLocal;
  }

  /** i64: iterations that may_goto still grants. */
  get mayGoto(): number {
    if (this.mayGotoLocal === undefined) {
      const granted = this.code.local(Type.I64);
      this.mayGotoLocal = granted;
      this.code.atEntry(() => {
        this.code.i64(Limit.MayGoto);
        this.code.set(granted);
      });
    }
    return this.mayGotoLocal;
  }
}
