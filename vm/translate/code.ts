/** The body of one WebAssembly function: locals and instructions. */
import { Bytes } from './bytes.ts';
import { Type, Wasm } from './wasm-op.ts';

export class Code {
  private bytes = new Bytes();
  private readonly head = new Bytes(32);
  private readonly locals: Type[] = [];
  private readonly params: number;

  constructor(params: number) {
    this.params = params;
  }

  /** A new local. @returns its number */
  local(type: Type): number {
    return this.params + this.locals.push(type) - 1;
  }

  /** Has `emit` put its instructions in front of the body: what only the body shows a need of. */
  atEntry(emit: () => void): void {
    const body = this.bytes;
    this.bytes = this.head;
    emit();
    this.bytes = body;
  }

  /** An instruction without operands. */
  op(op: Wasm): void {
    this.bytes.byte(op);
  }

  get(local: number): void {
    this.withNumber(Wasm.LocalGet, local);
  }

  set(local: number): void {
    this.withNumber(Wasm.LocalSet, local);
  }

  tee(local: number): void {
    this.withNumber(Wasm.LocalTee, local);
  }

  global(number: number): void {
    this.withNumber(Wasm.GlobalGet, number);
  }

  call(number: number): void {
    this.withNumber(Wasm.Call, number);
  }

  br(depth: number): void {
    this.withNumber(Wasm.Br, depth);
  }

  brIf(depth: number): void {
    this.withNumber(Wasm.BrIf, depth);
  }

  /** Branches by the number on the stack: to depth 0, 1, ... `count` - 1, which all that is larger goes to, too. */
  brTable(count: number): void {
    this.withNumber(Wasm.BrTable, count - 1);
    for (let depth = 0; depth < count; depth++) this.bytes.u32(depth);
  }

  /** `op` is Block, Loop or If; `type` of what it leaves. */
  open(op: Wasm, type: Type = Type.Void): void {
    this.bytes.byte(op);
    this.bytes.byte(type);
  }

  end(): void {
    this.bytes.byte(Wasm.End);
  }

  i32(value: number): void {
    this.bytes.byte(Wasm.I32Const);
    this.bytes.s32(value);
  }

  /** Sign-extended. */
  i64(value: number): void {
    this.bytes.byte(Wasm.I64Const);
    this.bytes.s32(value);
  }

  big(value: bigint): void {
    this.bytes.byte(Wasm.I64Const);
    this.bytes.s64(value);
  }

  /** A load or store at the address on the stack plus `offset`; no alignment is promised. */
  memory(op: Wasm, offset: number): void {
    this.bytes.byte(op);
    this.bytes.byte(0);
    this.bytes.u32(offset);
  }

  /** Code as it stands in the code section, without its length. */
  finish(): Uint8Array {
    const body = new Bytes(this.bytes.length + 16);
    body.u32(this.locals.length);
    for (const type of this.locals) {
      body.u32(1);
      body.byte(type);
    }
    body.append(this.head.view);
    body.append(this.bytes.view);
    body.byte(Wasm.End);
    return body.view;
  }

  private withNumber(op: Wasm, number: number): void {
    this.bytes.byte(op);
    this.bytes.u32(number);
  }
}
