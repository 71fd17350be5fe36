/**
 * The BPF instruction set, RFC 9669 and what Linux adds to it. Compiled by tsc and by asc: const enums only.
 *
 * An instruction slot is 8 bytes: opcode u8, dst:4 src:4 (dst in the low nibble on little-endian), offset
 * s16, imm s32. ld_imm64 takes two slots.
 */

/** Low three bits of the opcode. */
export const enum Class {
  Ld = 0x00,
  Ldx = 0x01,
  St = 0x02,
  Stx = 0x03,
  Alu = 0x04,
  Jmp = 0x05,
  Jmp32 = 0x06,
  Alu64 = 0x07,
  Mask = 0x07,
}

/** Source bit of ALU and jump opcodes: immediate or register. */
export const enum Source {
  K = 0x00,
  X = 0x08,
}

/** ALU operation, high nibble of the opcode. */
export const enum Alu {
  Add = 0x00,
  Sub = 0x10,
  Mul = 0x20,
  Div = 0x30,
  Or = 0x40,
  And = 0x50,
  Lsh = 0x60,
  Rsh = 0x70,
  Neg = 0x80,
  Mod = 0x90,
  Xor = 0xa0,
  Mov = 0xb0,
  Arsh = 0xc0,
  End = 0xd0,
  Mask = 0xf0,
}

/** Jump operation, high nibble of the opcode. */
export const enum Jmp {
  Ja = 0x00,
  Eq = 0x10,
  Gt = 0x20,
  Ge = 0x30,
  Set = 0x40,
  Ne = 0x50,
  Sgt = 0x60,
  Sge = 0x70,
  Call = 0x80,
  Exit = 0x90,
  Lt = 0xa0,
  Le = 0xb0,
  Slt = 0xc0,
  Sle = 0xd0,
  /** Linux 6.9: may_goto (class Jmp, src 0) */
  Cond = 0xe0,
  Mask = 0xf0,
}

/** Access width of loads and stores. */
export const enum Size {
  W = 0x00,
  H = 0x08,
  B = 0x10,
  Dw = 0x18,
  Mask = 0x18,
}

/** Access mode of loads and stores, top three bits. */
export const enum Mode {
  Imm = 0x00,
  Abs = 0x20,
  Ind = 0x40,
  Mem = 0x60,
  Memsx = 0x80,
  Atomic = 0xc0,
  /** Kernel-internal forms of Mem and Memsx for pointers into kernel objects: a fault reads as zero. */
  ProbeMem = 0x20,
  ProbeMemsx = 0x40,
  Mask = 0xe0,
}

/** imm of an atomic instruction. */
export const enum Atomic {
  Add = 0x00,
  Or = 0x40,
  And = 0x50,
  Xor = 0xa0,
  Fetch = 0x01,
  Xchg = 0xe1,
  Cmpxchg = 0xf1,
  /** Linux 6.15 */
  LoadAcquire = 0x100,
  StoreRelease = 0x110,
}

/** src of ld_imm64. */
export const enum Pseudo {
  None = 0,
  MapFd = 1,
  MapValue = 2,
  BtfId = 3,
  Func = 4,
  MapIdx = 5,
  MapIdxValue = 6,
}

/** src of a call. */
export const enum CallKind {
  Helper = 0,
  Local = 1,
  Kfunc = 2,
}

/** offset of mov: sign extension width in bits, or the address space cast. */
export const enum MovOffset {
  Plain = 0,
  Sext8 = 8,
  Sext16 = 16,
  Sext32 = 32,
  AddrSpaceCast = 1,
}

export const enum Limit {
  Registers = 11,
  /** Bytes of stack a frame may use. */
  Stack = 512,
  Frames = 8,
  /** Iterations that may_goto grants a function: BPF_MAX_LOOPS. */
  MayGoto = 0x80_0000,
  /** Tail calls one run may make. */
  TailCalls = 33,
}
