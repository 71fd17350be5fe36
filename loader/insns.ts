/** Instruction slots of a program, always in the little-endian encoding of RFC 9669, section 3. */
import { Class, Jmp, Mode, Pseudo, Size } from '../bpf/isa.ts';

/** Bytes of an instruction slot. */
export const SLOT = 8;
const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;
const CALL = Class.Jmp | Jmp.Call;

/** A view over instruction slots; `index` counts slots throughout. */
export class Insns {
  readonly bytes: Uint8Array;
  /** Slots. */
  readonly count: number;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.count = bytes.length / SLOT;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  code(index: number): number {
    return this.view.getUint8(index * SLOT);
  }

  setCode(index: number, code: number): void {
    this.view.setUint8(index * SLOT, code);
  }

  dst(index: number): number {
    return this.view.getUint8(index * SLOT + 1) & 0xf;
  }

  src(index: number): number {
    return this.view.getUint8(index * SLOT + 1) >>> 4;
  }

  setSrc(index: number, src: number): void {
    this.view.setUint8(index * SLOT + 1, (src << 4) | this.dst(index));
  }

  offset(index: number): number {
    return this.view.getInt16(index * SLOT + 2, true);
  }

  setOffset(index: number, offset: number): void {
    this.view.setInt16(index * SLOT + 2, offset, true);
  }

  imm(index: number): number {
    return this.view.getInt32(index * SLOT + 4, true);
  }

  setImm(index: number, imm: number): void {
    this.view.setInt32(index * SLOT + 4, imm, true);
  }

  isLdImm64(index: number): boolean {
    return this.code(index) === LD_IMM64;
  }

  /** call with an immediate: helper, subprogram or kfunc. */
  isCall(index: number): boolean {
    return this.code(index) === CALL;
  }

  /** ld_imm64 that loads the address of a subprogram. */
  isFunctionAddress(index: number): boolean {
    return this.isLdImm64(index) && this.src(index) === Pseudo.Func;
  }

  /** Makes a slot a call of a helper that does not exist, which a verifier refuses by number if it is reachable. */
  poison(index: number, helper: number): void {
    this.setCode(index, CALL);
    this.view.setUint8(index * SLOT + 1, 0);
    this.setOffset(index, 0);
    this.setImm(index, helper);
  }
}

/** Little-endian copy of a big-endian object's instructions: register nibbles, offset and imm change places. */
export function fromBigEndian(bytes: Uint8Array): Uint8Array {
  const result = bytes.slice();
  for (let at = 0; at + SLOT <= result.length; at += SLOT) {
    const registers = result[at + 1] as number;
    result[at + 1] = ((registers << 4) | (registers >>> 4)) & 0xff;
    result.subarray(at + 2, at + 4).reverse();
    result.subarray(at + 4, at + 8).reverse();
  }
  return result;
}
