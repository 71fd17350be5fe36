/** Random programs about numbers: arithmetic, comparisons and the stack, over values that only a run knows. */
import { encodeInsn } from '../../bpf/decode.ts';
import { Alu, Class, Jmp, Mode, Size, Source } from '../../bpf/isa.ts';

const PRANDOM = 7;
/** Registers that calls leave alone: those that the programs compute with. */
const VALUES = [6, 7, 8, 9] as const;
const FRAME = 10;
const OPERATIONS = [Alu.Add, Alu.Sub, Alu.Mul, Alu.Or, Alu.And, Alu.Xor, Alu.Mov, Alu.Div, Alu.Mod] as const;
const SHIFTS = [Alu.Lsh, Alu.Rsh, Alu.Arsh] as const;
const COMPARISONS = [
  ...[Jmp.Eq, Jmp.Ne, Jmp.Gt, Jmp.Ge, Jmp.Lt, Jmp.Le, Jmp.Set],
  ...[Jmp.Sgt, Jmp.Sge, Jmp.Slt, Jmp.Sle],
] as const;
const SIZES = [Size.B, Size.H, Size.W, Size.Dw] as const;
/** Constants at which ranges end. */
const EDGES = [0, 1, 2, 7, 8, 255, 256, 0x7fff, 0x7fff_ffff, -1, -2, -128, -0x8000_0000];
const SLOTS = 4;

/** Numbers below `limit`, the same for the same seed (mulberry32). */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  below(limit: number): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

interface Fields {
  code: number;
  dst?: number;
  src?: number;
  offset?: number;
  imm?: number;
}

/** A program that the verifier accepts. @param length instructions between its beginning and its end. */
export function scalarProgram(random: Random, length: number): Uint8Array {
  const body: Fields[] = [...beginning(random)];
  const end = body.length + length;
  while (body.length < end) body.push(step(random, end - body.length - 1));
  body.push({ code: Class.Alu64 | Alu.Mov | Source.K, imm: 0 }, { code: Class.Jmp | Jmp.Exit });
  const insns = body.map(({ code, dst = 0, src = 0, offset = 0, imm = 0 }) =>
    encodeInsn({ code, dst, src, offset, imm, imm2: 0 }),
  );
  return new Uint8Array(insns.flatMap((insn) => [...insn]));
}

/** Random numbers, some of 64 bits, in all registers and slots. */
function beginning(random: Random): Fields[] {
  const fields: Fields[] = [];
  for (const register of VALUES) {
    fields.push({ code: Class.Jmp | Jmp.Call, imm: PRANDOM });
    fields.push({ code: Class.Alu64 | Alu.Mov | Source.X, dst: register, src: 0 });
    if (random.below(2) === 0)
      fields.push({ code: Class.Alu64 | Alu.Lsh | Source.K, dst: register, imm: random.below(40) });
    if (random.below(3) === 0)
      fields.push({ code: Class.Alu64 | Alu.And | Source.K, dst: register, imm: random.of(EDGES) });
  }
  for (let slot = 1; slot <= SLOTS; slot++) fields.push(store(random.of(VALUES), slot, Size.Dw));
  return fields;
}

function step(random: Random, left: number): Fields {
  switch (random.below(8)) {
    case 0:
      return store(random.of(VALUES), 1 + random.below(SLOTS), random.of(SIZES));
    case 1: {
      const code = Class.Ldx | Mode.Mem | random.of(SIZES);
      return { code, dst: random.of(VALUES), src: FRAME, offset: -8 * (1 + random.below(SLOTS)) };
    }
    case 2:
    case 3:
      return comparison(random, left);
    default:
      return arithmetic(random);
  }
}

function store(src: number, slot: number, size: Size): Fields {
  return { code: Class.Stx | Mode.Mem | size, dst: FRAME, src, offset: -8 * slot };
}

function comparison(random: Random, left: number): Fields {
  const cls = random.of([Class.Jmp, Class.Jmp32]);
  const offset = random.below(Math.min(left, 4) + 1);
  const op = random.of(COMPARISONS);
  const dst = random.of(VALUES);
  if (random.below(2) === 0) return { code: cls | op | Source.X, dst, src: random.of(VALUES), offset };
  return { code: cls | op | Source.K, dst, imm: random.of(EDGES), offset };
}

function arithmetic(random: Random): Fields {
  const cls = random.of([Class.Alu64, Class.Alu]);
  const dst = random.of(VALUES);
  if (random.below(4) === 0) {
    const width = cls === Class.Alu64 ? 64 : 32;
    return { code: cls | random.of(SHIFTS) | Source.K, dst, imm: random.below(width) };
  }
  if (random.below(12) === 0) return { code: cls | Alu.Neg, dst };
  const op = random.of(OPERATIONS);
  if (random.below(2) === 0) return { code: cls | op | Source.X, dst, src: random.of(VALUES) };
  const imm = random.of(EDGES);
  return { code: cls | op | Source.K, dst, imm: imm === 0 && (op === Alu.Div || op === Alu.Mod) ? 3 : imm };
}
