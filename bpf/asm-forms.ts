/** Which instruction a line of tokens is. */
import { type Token, type TokenKind, tokens } from './asm-text.ts';
import { FORMS, type InsnForm, type Operand } from './opcodes.ts';

export interface Match {
  form: InsnForm;
  operands: [Operand, Token][];
}

interface Candidate {
  form: InsnForm;
  pattern: readonly Token[];
}

/** The text with its operands taken out; equal for a pattern and for every statement of that form. */
function skeleton(line: readonly Token[], hexIsNumber: boolean): string {
  return line
    .map(({ kind, text }) => (kind === 'literal' ? text : hexIsNumber && kind === '0x' ? '#' : kind))
    .join(' ');
}

/** Skeleton -> the forms that read so. */
const CANDIDATES = new Map<string, Candidate[]>();
for (const form of FORMS) {
  // A ld_imm64 may also be marked with `ll`, LLVM's way; then its number need not be in hex.
  const patterns = form.pattern.includes('{imm64}') ? [form.pattern, `${form.pattern} ll`] : [form.pattern];
  for (const text of patterns) {
    const pattern = tokens(text);
    const key = skeleton(pattern, text.endsWith(' ll'));
    CANDIDATES.set(key, [...(CANDIDATES.get(key) ?? []), { form, pattern }]);
  }
}

export function findMatch(line: readonly Token[]): Match | undefined {
  const candidates = CANDIDATES.get(skeleton(line, false)) ?? CANDIDATES.get(skeleton(line, true)) ?? [];
  for (const { form, pattern } of candidates) {
    const operands = bind(pattern, line);
    if (operands) return { form, operands };
  }
  return undefined;
}

/** Operands of a line that has the pattern's skeleton; undefined when fixed or repeated parts differ. */
function bind(pattern: readonly Token[], line: readonly Token[]): [Operand, Token][] | undefined {
  const operands = new Map<Operand, Token>();
  for (const [index, { text: expected }] of pattern.entries()) {
    const token = line[index] as Token;
    if (!expected.startsWith('{')) {
      if (token.text !== expected) return undefined;
      continue;
    }
    const operand = expected.slice(1, -1) as Operand;
    const known = operands.get(operand);
    if (known && known.text !== token.text) return undefined;
    operands.set(operand, token);
  }
  return [...operands];
}

/** Where a line stops being the beginning of an instruction, and what could stand there. */
export interface Misfit {
  /** Index of the token; the line's length when something is missing at its end. */
  index: number;
  expected: string[];
}

const KIND_NAMES: Record<Exclude<TokenKind, 'literal'>, string> = {
  r: 'r0 to r10',
  w: 'w0 to w10',
  '#': 'a number',
  '0x': 'a number',
  '@': 'a label',
  helper: 'a function',
  kfunc: 'a function',
};

/** Undefined when each token fits and only registers differ that must be the same. */
export function findMisfit(line: readonly Token[]): Misfit | undefined {
  let index = -1;
  const expected = new Set<string>();
  for (const { pattern } of [...CANDIDATES.values()].flat()) {
    const fitting = pattern.findIndex((token, place) => !fits(token, line[place]));
    const reached = fitting < 0 ? pattern.length : fitting;
    if (reached < index) continue;
    if (reached > index) expected.clear();
    index = reached;
    const next = pattern[reached];
    expected.add(!next ? 'the end of the line' : next.kind === 'literal' ? next.text : KIND_NAMES[next.kind]);
  }
  if (index === line.length && expected.has('the end of the line')) return undefined;
  return { index, expected: [...expected] };
}

function fits(pattern: Token, token: Token | undefined): boolean {
  if (!token) return false;
  if (pattern.kind === 'literal') return pattern.text === token.text;
  const isNumber = pattern.kind === '#' || pattern.kind === '0x';
  return isNumber ? token.kind === '#' || token.kind === '0x' : pattern.kind === token.kind;
}
