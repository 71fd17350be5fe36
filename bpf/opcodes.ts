/**
 * Every instruction form of BPF: RFC 9669, and what Linux and LLVM add to it. This one table drives the
 * decoder, the disassembler and the assembler.
 *
 * A form is an opcode byte plus the fields that tell it from other forms with the same byte (mov and movsx
 * differ in `offset`, the atomic operations in `imm`). Forms that share an opcode stand from special to
 * general; the first one whose fixed fields match an instruction is its form.
 *
 * Text is that of the kernel's verifier log. In a pattern `{dst}`, `{src}` are 64-bit register names (r1),
 * `{wdst}`, `{wsrc}` 32-bit ones (w1); the other operands are described at `Operand`.
 */
import { Alu, Atomic, CallKind, Class, Jmp, Mode, MovOffset, Pseudo, Size, Source } from './isa.ts';

export type Operand =
  | 'dst'
  | 'src'
  | 'wdst'
  | 'wsrc'
  /** imm as a signed decimal */
  | 'imm'
  /** imm as unsigned hexadecimal */
  | 'hex'
  /** offset with its sign: `+8`, `-16` */
  | 'off'
  /** offset in slots, relative to the next instruction: `pc+3` */
  | 'pc'
  /** the same, in imm */
  | 'pcimm'
  /** low and high half of imm */
  | 'immlow'
  | 'immhigh'
  /** both imms of ld_imm64 as one hexadecimal number */
  | 'imm64'
  /** imm of the second slot, unsigned decimal */
  | 'imm2'
  /** the same with a plus sign */
  | 'off2'
  /** name and number of a helper, `bpf_loop#181`, or of a kfunc */
  | 'helper'
  | 'kfunc';

/** Values of fields that belong to the form itself. */
export interface FixedFields {
  src?: number;
  offset?: number;
  imm?: number;
}

export interface InsnForm {
  /** Unique, for tests and messages: "add64 imm". */
  readonly name: string;
  /** Opcode byte. */
  readonly code: number;
  readonly fixed: Readonly<FixedFields>;
  readonly pattern: string;
  /** Operands in the order of the pattern. */
  readonly operands: readonly Operand[];
  /** 8-byte slots: 2 for ld_imm64, else 1. */
  readonly slots: 1 | 2;
  /** Lowest -mcpu version of LLVM that emits it. */
  readonly cpu: 1 | 2 | 3 | 4;
  /** First Linux release that accepts it; "" when none does. */
  readonly linux: string;
}

interface FormOptions {
  fixed?: FixedFields;
  slots?: 1 | 2;
  cpu?: 1 | 2 | 3 | 4;
  linux?: string;
}

const OPERAND = /\{(\w+)\}/g;

function form(name: string, code: number, pattern: string, options: FormOptions = {}): InsnForm {
  const operands = [...pattern.matchAll(OPERAND)].map((match) => match[1] as Operand);
  const { fixed = {}, slots = 1, cpu = 1, linux = '3.18' } = options;
  return { name, code, fixed, pattern, operands, slots, cpu, linux };
}

/** Newer instructions come in bunches: what LLVM's v3 and v4 added, and since when Linux takes them. */
const V3: FormOptions = { cpu: 3, linux: '5.12' };
const V4: FormOptions = { cpu: 4, linux: '6.6' };

/** Operations that exist for both widths and both sources, in the usual order, with their operators. */
const ALU_OPERATORS: readonly (readonly [name: string, op: Alu, operator: string])[] = [
  ['add', Alu.Add, '+='],
  ['sub', Alu.Sub, '-='],
  ['mul', Alu.Mul, '*='],
  ['div', Alu.Div, '/='],
  ['or', Alu.Or, '|='],
  ['and', Alu.And, '&='],
  ['lsh', Alu.Lsh, '<<='],
  ['rsh', Alu.Rsh, '>>='],
  ['mod', Alu.Mod, '%='],
  ['xor', Alu.Xor, '^='],
  ['mov', Alu.Mov, '='],
  ['arsh', Alu.Arsh, 's>>='],
];

const ALU_WIDTHS = [
  { bits: 32, cls: Class.Alu, dst: '{wdst}', src: '{wsrc}' },
  { bits: 64, cls: Class.Alu64, dst: '{dst}', src: '{src}' },
] as const;

function aluForms(): InsnForm[] {
  const forms: InsnForm[] = [];
  for (const { bits, cls, dst, src } of ALU_WIDTHS) {
    for (const [name, op, operator] of ALU_OPERATORS) {
      const signed = { ...V4, fixed: { offset: 1 } };
      if (op === Alu.Div || op === Alu.Mod) {
        forms.push(
          form(`s${name}${bits} imm`, cls | op | Source.K, `${dst} s${operator} {imm}`, signed),
          form(`s${name}${bits} reg`, cls | op | Source.X, `${dst} s${operator} ${src}`, signed),
        );
      }
      if (op === Alu.Mov) forms.push(...movExtensions(bits, cls | op | Source.X, dst, src));
      forms.push(
        form(`${name}${bits} imm`, cls | op | Source.K, `${dst} ${operator} {imm}`),
        form(`${name}${bits} reg`, cls | op | Source.X, `${dst} ${operator} ${src}`),
      );
    }
    forms.push(form(`neg${bits}`, cls | Alu.Neg, `${dst} = -${dst}`));
  }
  return forms;
}

function movExtensions(bits: 32 | 64, code: number, dst: string, src: string): InsnForm[] {
  const widths = bits === 32 ? [MovOffset.Sext8, MovOffset.Sext16] : [8, 16, 32];
  const forms = widths.map((from) =>
    form(`movsx${from} ${bits}`, code, `${dst} = (s${from})${src}`, { ...V4, fixed: { offset: from } }),
  );
  if (bits === 64) {
    const pattern = `${dst} = addr_space_cast(${src}, {immhigh}, {immlow})`;
    const fixed = { offset: MovOffset.AddrSpaceCast };
    forms.push(form('addr_space_cast', code, pattern, { fixed, linux: '6.9' }));
  }
  return forms;
}

function byteSwapForms(): InsnForm[] {
  const kinds = [
    { name: 'le', code: Class.Alu | Alu.End | Source.K, options: {} },
    { name: 'be', code: Class.Alu | Alu.End | Source.X, options: {} },
    { name: 'bswap', code: Class.Alu64 | Alu.End | Source.K, options: V4 },
  ];
  return kinds.flatMap(({ name, code, options }) =>
    [16, 32, 64].map((bits) =>
      form(`${name}${bits}`, code, `{dst} = ${name}${bits} {dst}`, { ...options, fixed: { imm: bits } }),
    ),
  );
}

const CONDITIONS: readonly (readonly [name: string, op: Jmp, operator: string, cpu: 1 | 2])[] = [
  ['jeq', Jmp.Eq, '==', 1],
  ['jgt', Jmp.Gt, '>', 1],
  ['jge', Jmp.Ge, '>=', 1],
  ['jset', Jmp.Set, '&', 1],
  ['jne', Jmp.Ne, '!=', 1],
  ['jsgt', Jmp.Sgt, 's>', 1],
  ['jsge', Jmp.Sge, 's>=', 1],
  ['jlt', Jmp.Lt, '<', 2],
  ['jle', Jmp.Le, '<=', 2],
  ['jslt', Jmp.Slt, 's<', 2],
  ['jsle', Jmp.Sle, 's<=', 2],
];

function jumpForms(): InsnForm[] {
  const forms: InsnForm[] = [];
  for (const [name, op, operator, cpu] of CONDITIONS) {
    const wide: FormOptions = { cpu, linux: cpu === 2 ? '4.14' : '3.18' };
    const narrow: FormOptions = { cpu: 3, linux: '5.1' };
    forms.push(
      form(`${name} imm`, Class.Jmp | op | Source.K, `if {dst} ${operator} {hex} goto {pc}`, wide),
      form(`${name} reg`, Class.Jmp | op | Source.X, `if {dst} ${operator} {src} goto {pc}`, wide),
      form(`${name}32 imm`, Class.Jmp32 | op | Source.K, `if {wdst} ${operator} {hex} goto {pc}`, narrow),
      form(`${name}32 reg`, Class.Jmp32 | op | Source.X, `if {wdst} ${operator} {wsrc} goto {pc}`, narrow),
    );
  }
  const call = Class.Jmp | Jmp.Call;
  forms.push(
    form('ja', Class.Jmp | Jmp.Ja, 'goto {pc}'),
    form('gotol', Class.Jmp32 | Jmp.Ja, 'gotol {pcimm}', V4),
    form('may_goto', Class.Jmp | Jmp.Cond, 'may_goto {pc}', { fixed: { src: 0 }, linux: '6.9' }),
    form('call local', call, 'call {pcimm}', { fixed: { src: CallKind.Local }, linux: '4.16' }),
    form('call kfunc', call, 'call {kfunc}', { fixed: { src: CallKind.Kfunc }, linux: '5.13' }),
    form('call helper', call, 'call {helper}'),
    form('callx', call | Source.X, 'callx {dst}', { linux: '' }),
    form('exit', Class.Jmp | Jmp.Exit, 'exit'),
  );
  return forms;
}

const SIZES = [
  { bits: 8, size: Size.B },
  { bits: 16, size: Size.H },
  { bits: 32, size: Size.W },
  { bits: 64, size: Size.Dw },
] as const;

function memoryForms(): InsnForm[] {
  const forms: InsnForm[] = [];
  for (const { bits, size } of SIZES) {
    const loaded = `*(u${bits} *)({src} {off})`;
    const stored = `*(u${bits} *)({dst} {off})`;
    forms.push(
      form(`ldx${bits}`, Class.Ldx | Mode.Mem | size, `{dst} = ${loaded}`),
      form(`stx${bits}`, Class.Stx | Mode.Mem | size, `${stored} = {src}`),
      form(`st${bits}`, Class.St | Mode.Mem | size, `${stored} = {imm}`),
    );
    if (bits === 64) continue;
    forms.push(
      form(`ldsx${bits}`, Class.Ldx | Mode.Memsx | size, `{dst} = *(s${bits} *)({src} {off})`, V4),
      form(`ldabs${bits}`, Class.Ld | Mode.Abs | size, `r0 = *(u${bits} *)skb[{imm}]`),
      form(`ldind${bits}`, Class.Ld | Mode.Ind | size, `r0 = *(u${bits} *)skb[{src} + {imm}]`),
    );
  }
  return forms;
}

const ATOMIC_OPERATORS: readonly (readonly [name: string, op: Atomic, operator: string])[] = [
  ['add', Atomic.Add, '+='],
  ['or', Atomic.Or, '|='],
  ['and', Atomic.And, '&='],
  ['xor', Atomic.Xor, '^='],
];

function atomicForms(): InsnForm[] {
  const forms: InsnForm[] = [];
  for (const { bits, size } of SIZES) {
    const code = Class.Stx | Mode.Atomic | size;
    const loaded = `(u${bits} *)({src} {off})`;
    const target = `(u${bits} *)({dst} {off})`;
    if (bits >= 32) {
      const call = bits === 64 ? 'atomic64' : 'atomic';
      for (const [name, op, operator] of ATOMIC_OPERATORS) {
        // Adding is as old as eBPF; it was called xadd then.
        const options = op === Atomic.Add ? {} : V3;
        const fetched = `{src} = ${call}_fetch_${name}(${target}, {src})`;
        forms.push(
          form(`atomic_${name}${bits}`, code, `lock *${target} ${operator} {src}`, {
            ...options,
            fixed: { imm: op },
          }),
          form(`atomic_fetch_${name}${bits}`, code, fetched, { ...V3, fixed: { imm: op | Atomic.Fetch } }),
        );
      }
      const xchg = { ...V3, fixed: { imm: Atomic.Xchg } };
      const cmpxchg = { ...V3, fixed: { imm: Atomic.Cmpxchg } };
      forms.push(
        form(`atomic_xchg${bits}`, code, `{src} = ${call}_xchg(${target}, {src})`, xchg),
        form(`atomic_cmpxchg${bits}`, code, `r0 = ${call}_cmpxchg(${target}, r0, {src})`, cmpxchg),
      );
    }
    const acquire: FormOptions = { cpu: 4, linux: '6.15', fixed: { imm: Atomic.LoadAcquire } };
    const release: FormOptions = { cpu: 4, linux: '6.15', fixed: { imm: Atomic.StoreRelease } };
    forms.push(
      form(`load_acquire${bits}`, code, `{dst} = load_acquire(${loaded})`, acquire),
      form(`store_release${bits}`, code, `store_release(${target}, {src})`, release),
    );
  }
  return forms;
}

/**
 * 64-bit constants. Only the plain one has a text in the kernel's log (there the others print as the address
 * they stand for); the rest follow bpftool's dumps, with indices instead of ids.
 */
function ldImm64Forms(): InsnForm[] {
  const code = Class.Ld | Mode.Imm | Size.Dw;
  const pseudo = (name: string, src: Pseudo, pattern: string, linux: string) =>
    form(`ld_imm64 ${name}`, code, pattern, { fixed: { src }, slots: 2, linux });
  return [
    pseudo('map', Pseudo.MapFd, '{dst} = map[{imm}]', '3.18'),
    pseudo('map value', Pseudo.MapValue, '{dst} = map[{imm}][0]{off2}', '5.2'),
    pseudo('btf', Pseudo.BtfId, '{dst} = btf[{imm2}:{imm}]', '5.10'),
    pseudo('func', Pseudo.Func, '{dst} = subprog[{pcimm}]', '5.13'),
    pseudo('map idx', Pseudo.MapIdx, '{dst} = map[idx:{imm}]', '5.14'),
    pseudo('map idx value', Pseudo.MapIdxValue, '{dst} = map[idx:{imm}][0]{off2}', '5.14'),
    form('ld_imm64', code, '{dst} = {imm64}', { slots: 2 }),
  ];
}

/** All forms; those that share an opcode stand next to each other, special ones first. */
export const FORMS: readonly InsnForm[] = [
  ...aluForms(),
  ...byteSwapForms(),
  ...jumpForms(),
  ...memoryForms(),
  ...atomicForms(),
  ...ldImm64Forms(),
];

const byCode: readonly InsnForm[][] = Array.from({ length: 256 }, (_, code) =>
  FORMS.filter((candidate) => candidate.code === code),
);

/** Forms with this opcode byte, none when BPF has no such instruction. */
export function formsOf(code: number): readonly InsnForm[] {
  return byCode[code & 0xff] ?? [];
}

/** Form of an instruction with these fields, undefined when BPF has none. */
export function findForm(code: number, src: number, offset: number, imm: number): InsnForm | undefined {
  return formsOf(code).find(
    ({ fixed }) =>
      (fixed.src ?? src) === src && (fixed.offset ?? offset) === offset && (fixed.imm ?? imm) === imm,
  );
}
