/** Numbers: where they come from, what is done to them, and how they are bounded. */
import { type Draft, memory, SCALAR, WIDTHS } from '../draft.ts';

/** Numbers at which ranges change their nature. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  7n,
  8n,
  15n,
  16n,
  31n,
  32n,
  63n,
  64n,
  127n,
  128n,
  255n,
  256n,
  511n,
  512n,
  4095n,
  4096n,
  0x7fffn,
  0x8000n,
  0xffffn,
  0x10000n,
  0x7fff_ffffn,
  -1n,
  -2n,
  -8n,
  -16n,
  -128n,
  -129n,
  -256n,
  -32768n,
  -0x8000_0000n,
  -0x7fff_ffffn,
];

/** Numbers that only a 64-bit load can make. */
const WIDE_EDGES: readonly bigint[] = [
  0x8000_0000n,
  0xffff_ffffn,
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  -0x8000_0000_0000_0000n,
  0xffff_ffff_0000_0000n,
  -0x8000_0001n,
  0x8000_0000_8000_0000n,
  0x1234_5678_9abc_def0n,
];

export function immediate(draft: Draft): bigint {
  const { random } = draft;
  if (random.chance(0.25)) return BigInt(random.next() | 0);
  if (random.chance(0.2)) return BigInt(random.int(-20, 80));
  return random.pick(EDGES);
}

/** Puts a number nothing is known of, or little, into a register. */
export function unknown(draft: Draft, register: number): void {
  const { random } = draft;
  const { context } = draft.shared;
  const ways: (() => void)[] = [];
  const field = context.fields.length > 0 ? random.pick(context.fields) : undefined;
  const { ctx } = draft;
  if (field && ctx !== undefined) {
    ways.push(() => draft.emit(`r${register} = ${memory(field.width, ctx, field.offset)}`));
  }
  if (register === 0 && draft.canCall(0))
    ways.push(() => draft.call(random.pick(['bpf_get_prandom_u32', 'bpf_ktime_get_ns'])));
  const known = draft.knownMemory();
  if (known && known[1].map !== 'wronly') {
    const [base, value] = known;
    const width = random.pick(WIDTHS.filter((candidate) => candidate <= value.size));
    const at = random.int(0, Math.floor((value.size - width) / width)) * width;
    const signed = width < 8 && random.chance(0.3);
    ways.push(() => draft.emit(`r${register} = ${memory(width, base, at, signed)}`));
  }
  const other = draft.knownScalar();
  if (other !== undefined) ways.push(() => draft.emit(`r${register} = r${other}`));
  if (!draft.shared.unprivileged) {
    const at = draft.stack(8);
    if (at !== undefined) {
      const width = random.pick(WIDTHS);
      ways.push(() => draft.emit(`r${register} = ${memory(width, 10, at, width < 8 && random.chance(0.3))}`));
    }
  }
  // A global is always there.
  ways.push(() => {
    draft.emit(`r${register} = map[0][0]+${random.int(0, 4) * 8}`);
    draft.emit(`r${register} = ${memory(random.pick(WIDTHS), register, 0)}`);
  });
  random.pick(ways)();
}

/** Puts a constant into a register. */
export function constant(draft: Draft, register: number): void {
  const { random } = draft;
  switch (random.int(0, 4)) {
    case 0:
      draft.emit(`r${register} = ${random.pick(WIDE_EDGES)} ll`);
      break;
    case 1:
      draft.emit(`w${register} = ${immediate(draft)}`);
      break;
    case 2: {
      draft.emit(`r${register} = map[1][0]+${random.int(0, 8) * 4}`);
      draft.emit(
        `r${register} = ${memory(random.pick([1, 2, 4] as const), register, 0, random.chance(0.3))}`,
      );
      break;
    }
    default:
      draft.emit(`r${register} = ${immediate(draft)}`);
  }
}

const ARITHMETIC = ['+=', '-=', '*=', '|=', '&=', '^='] as const;
const DIVISIONS = ['/=', '%=', 's/=', 's%='] as const;
const SHIFTS = ['<<=', '>>=', 's>>='] as const;
const SWAPS = ['le16', 'le32', 'le64', 'be16', 'be32', 'be64', 'bswap16', 'bswap32', 'bswap64'] as const;

/** One operation on a number. */
export function operate(draft: Draft, register: number, other: number | undefined): void {
  const { random } = draft;
  const wide = random.chance(0.55);
  const name = (n: number) => `${wide ? 'r' : 'w'}${n}`;
  const dst = name(register);
  const useRegister = other !== undefined && random.chance(0.4);
  const source = useRegister && other !== undefined ? name(other) : String(immediate(draft));
  switch (random.int(0, 10)) {
    case 0:
    case 1:
    case 2:
    case 3:
      draft.emit(`${dst} ${random.pick(ARITHMETIC)} ${source}`);
      break;
    case 4: {
      const divisor = useRegister ? source : String(immediate(draft) || 1n);
      draft.emit(`${dst} ${random.pick(DIVISIONS)} ${draft.slip() ? '0' : divisor}`);
      break;
    }
    case 5:
    case 6: {
      const width = wide ? 64 : 32;
      const amount = draft.slip() ? width : random.int(0, width - 1);
      draft.emit(`${dst} ${random.pick(SHIFTS)} ${useRegister ? source : amount}`);
      break;
    }
    case 7:
      draft.emit(`${dst} = -${dst}`);
      break;
    case 8:
      draft.emit(`r${register} = ${random.pick(SWAPS)} r${register}`);
      break;
    case 9: {
      const bits = random.pick(wide ? [8, 16, 32] : [8, 16]);
      draft.emit(`${dst} = (s${bits})${other === undefined ? dst : name(random.pick([register, other]))}`);
      break;
    }
    default:
      draft.emit(`w${register} = w${other !== undefined && random.chance(0.3) ? other : register}`);
  }
}

export const COMPARISONS = ['==', '!=', '>', '>=', '<', '<=', 's>', 's>=', 's<', 's<=', '&'] as const;

/** A jump on a number that may go either way, as far as anyone can tell. */
export function compare(draft: Draft, register: number, other: number | undefined, target: string): void {
  const { random } = draft;
  const wide = random.chance(0.55);
  const name = (n: number) => `${wide ? 'r' : 'w'}${n}`;
  const against = other !== undefined && random.chance(0.35) ? name(other) : String(immediate(draft));
  draft.emit(`if ${name(register)} ${random.pick(COMPARISONS)} ${against} goto ${target}`);
}

/** Leaves a number between 0 and `max` in the register, by one of the ways compilers and people know. */
export function bounded(draft: Draft, register: number, max: number): void {
  unknown(draft, register);
  if (draft.slip()) return;
  const limit = draft.slip() ? max + draft.random.pick([1, 1, 2, 8]) : max;
  bound(draft, register, limit);
}

/** Bounds the number that is in the register already. */
export function bound(draft: Draft, register: number, max: number): void {
  const { random } = draft;
  const r = `r${register}`;
  const w = `w${register}`;
  const { exit } = draft;
  const mask = 2 ** Math.floor(Math.log2(max + 1)) - 1;
  const bits = Math.log2(mask + 1);
  const ways: readonly (() => void)[] = [
    () => draft.emit(`${r} &= ${mask}`),
    () => draft.emit(`${w} &= ${mask}`),
    () => draft.emit(`if ${r} > ${max} goto ${exit}`),
    () => draft.emit(`if ${r} >= ${max + 1} goto ${exit}`),
    () => draft.emit(`if ${r} s> ${max} goto ${exit}`, `if ${r} s< 0 goto ${exit}`),
    () => draft.emit(`if ${r} s< 0 goto ${exit}`, `if ${r} s>= ${max + 1} goto ${exit}`),
    () => draft.emit(`if ${w} > ${max} goto ${exit}`, `${w} = ${w}`),
    () => draft.emit(`${w} = ${w}`, `if ${w} >= ${max + 1} goto ${exit}`),
    () => draft.emit(`${w} = ${w}`, `if ${r} > ${max} goto ${exit}`),
    () => draft.emit(`if ${w} s> ${max} goto ${exit}`, `if ${w} s< 0 goto ${exit}`, `${w} = ${w}`),
    () =>
      draft.emit(
        `${r} <<= ${64 - Math.max(bits, 1)}`,
        `${r} >>= ${bits === 0 ? 63 : 64 - bits}`,
        ...(bits === 0 ? [`${r} = 0`] : []),
      ),
    () => (bits === 0 ? draft.emit(`${r} = 0`) : draft.emit(`${r} >>= ${64 - bits}`)),
    () => (bits === 0 ? draft.emit(`${w} ^= ${w}`) : draft.emit(`${w} >>= ${32 - bits}`)),
    () => draft.emit(`if ${r} & ${~mask} goto ${exit}`),
    () => draft.emit(`if ${r} != ${random.int(0, max)} goto ${exit}`),
    () => draft.emit(`${w} %= ${max + 1}`, `if ${w} > ${max} goto ${exit}`),
    () => throughLabel(draft, `if ${r} <= ${max} goto`),
    () => throughLabel(draft, `if ${r} < ${max + 1} goto`),
    () => clamp(draft, register, max),
    () => againstRegister(draft, register, max),
    () => throughCopy(draft, register, max),
    () => shifted(draft, register, max),
  ];
  random.pick(ways)();
}

/** `if (x <= max) ok; else give up` with the good side jumped to. */
function throughLabel(draft: Draft, condition: string): void {
  const label = draft.label();
  draft.emit(`${condition} ${label}`, `goto ${draft.exit}`);
  draft.place(label);
}

/** `x = min(x, max)` */
function clamp(draft: Draft, register: number, max: number): void {
  const label = draft.label();
  draft.emit(`if r${register} <= ${max} goto ${label}`, `r${register} = ${max}`);
  draft.place(label);
}

function againstRegister(draft: Draft, register: number, max: number): void {
  draft.using((other) => {
    draft.emit(`r${other} = ${max}`);
    if (draft.random.chance(0.5)) draft.emit(`if r${register} > r${other} goto ${draft.exit}`);
    else draft.emit(`if r${other} < r${register} goto ${draft.exit}`);
    return SCALAR;
  });
}

/** The copy is compared, the original used: the two are linked. */
function throughCopy(draft: Draft, register: number, max: number): void {
  const { random } = draft;
  draft.using((copy) => {
    draft.emit(`r${copy} = r${register}`);
    const shift = random.pick([0, 0, 1, 4, -3]);
    if (shift !== 0) draft.emit(`r${copy} += ${shift}`);
    const [on, used] = random.chance(0.5) && shift === 0 ? [register, copy] : [copy, register];
    draft.emit(`if r${on} > ${max} goto ${draft.exit}`);
    if (shift !== 0) draft.emit(`if r${on} s< ${shift} goto ${draft.exit}`);
    if (used !== register) draft.emit(`r${register} = r${copy}`);
    return SCALAR;
  });
}

/** Bounded with an offset, which is then taken off. */
function shifted(draft: Draft, register: number, max: number): void {
  const by = draft.random.int(1, 100);
  const r = `r${register}`;
  draft.emit(
    `if ${r} > ${max + by} goto ${draft.exit}`,
    `if ${r} < ${by} goto ${draft.exit}`,
    `${r} -= ${by}`,
  );
}

/** Computes for a while with a few registers and asks questions whose answers show what is known of them. */
export function soup(draft: Draft): void {
  const { random } = draft;
  const first = draft.take();
  const second = draft.take();
  for (const register of [first, second]) {
    if (random.chance(0.7)) unknown(draft, register);
    else constant(draft, register);
    if (random.chance(0.5)) roughBound(draft, register);
  }
  const steps = random.int(2, 9);
  for (let i = 0; i < steps; i++) {
    const [a, b] = random.chance(0.5) ? [first, second] : [second, first];
    if (random.chance(0.25)) branchOver(draft, a, b);
    else if (random.chance(0.1)) draft.emit(`r${a} = r${b}`);
    else operate(draft, a, b);
  }
  if (random.chance(0.5)) probe(draft, random.pick([first, second]));
  draft.give(first, SCALAR);
  draft.give(second, SCALAR);
}

/** Some range, wide or narrow. */
function roughBound(draft: Draft, register: number): void {
  const { random } = draft;
  if (random.chance(0.4)) bound(draft, register, 2 ** random.int(0, 30) - random.int(0, 1));
  else compare(draft, register, undefined, draft.exit);
}

/** A jump around an operation or two. */
function branchOver(draft: Draft, register: number, other: number): void {
  const label = draft.label();
  compare(draft, register, other, label);
  for (let i = draft.random.int(1, 2); i > 0; i--)
    operate(draft, draft.random.pick([register, other]), other);
  draft.place(label);
}

/**
 * A jump with a read of fp-0 behind it, which no program may reach: accepted only when what is known of the number
 * rules it out. Only asked where the program is to go wrong.
 */
function probe(draft: Draft, register: number): void {
  if (!draft.slip()) return;
  const label = draft.label();
  compare(draft, register, undefined, label);
  draft.emit(`r${register} = *(u8 *)(r10 +0)`);
  draft.place(label);
}
