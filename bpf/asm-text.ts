/** Assembly text as statements and tokens that know where they stand. */
import type { Operand } from './opcodes.ts';

/** What is wrong with a line. Columns count from 1, in UTF-16 units; `endColumn` is the one behind. */
export interface AsmError {
  line: number;
  column: number;
  endColumn: number;
  reason: string;
  /** The instruction, without labels and comment. */
  text: string;
  /** What could stand there, for what is no instruction. */
  expected?: readonly string[];
}

/** One instruction's text. */
export interface Statement {
  line: number;
  column: number;
  text: string;
}

/** Thrown within the assembler for one statement; the others are looked at all the same. */
export class BadStatement extends Error {
  readonly error: AsmError;

  constructor({ line, column, text }: Statement, reason: string, at?: Token, expected?: readonly string[]) {
    super(reason);
    const start = column + (at?.at ?? 0);
    const endColumn = start + Math.max(1, at ? at.length : text.length);
    this.error = {
      line,
      column: start,
      endColumn,
      reason,
      text: shortened(text),
      ...(expected ? { expected } : {}),
    };
  }
}

/** No instruction is longer, names included; what is may be anything. */
const LONGEST = 1000;
const LABEL = /([A-Za-z_.$][\w.$]*)\s*:\s*/y;
/** `12: (b7) ` of a log line. */
const LOG_PREFIX = /(\d+:\s*)?(\([0-9a-f]{2}\)\s+)?/y;
const SPACE = /\s*/y;

export interface SplitText {
  statements: Statement[];
  /** Label -> the index of the statement that follows it. */
  labels: Map<string, number>;
  errors: AsmError[];
}

/** Lines without comments and labels. */
export function splitText(text: string): SplitText {
  const statements: Statement[] = [];
  const labels = new Map<string, number>();
  const errors: AsmError[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const code = withoutComment(raw);
    let at = skip(SPACE, code, 0);
    LABEL.lastIndex = at;
    for (let label = LABEL.exec(code); label; label = LABEL.exec(code)) {
      const name = label[1] as string;
      if (labels.has(name)) {
        const reason = `label ${shortened(name)} is defined twice`;
        const endColumn = at + 1 + name.length;
        errors.push({ line, column: at + 1, endColumn, reason, text: shortened(raw.trim()) });
      } else labels.set(name, statements.length);
      at = LABEL.lastIndex;
    }
    at = skip(LOG_PREFIX, code, at);
    const rest = code.slice(at).trimEnd();
    const statement = { line, column: at + 1, text: rest };
    if (rest.length > LONGEST) errors.push(new BadStatement(statement, 'not an instruction').error);
    else if (rest !== '') statements.push(statement);
  }
  return { statements, labels, errors };
}

function withoutComment(line: string): string {
  const end = line.search(/;|\/\//);
  return end < 0 ? line : line.slice(0, end);
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(text)?.[0].length ?? 0);
}

/** As much of a text as a message needs. */
export function shortened(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/**
 * Token kinds double as the token's stand-in in a skeleton: r and w registers, # a number, 0x a hex number,
 * @ a jump target, helper and kfunc a function to call; a literal stands for itself.
 */
export type TokenKind = 'r' | 'w' | '#' | '0x' | '@' | 'helper' | 'kfunc' | 'literal';

export interface Token {
  kind: TokenKind;
  text: string;
  /** Where it stands in the statement. */
  at: number;
  length: number;
}

const TOKEN = new RegExp(
  [
    String.raw`(?<operand>\{\w+\})`,
    String.raw`(?<target>pc\s*[+-]\s*\d+\b)`,
    String.raw`(?<register>[rw]\d+\b)`,
    String.raw`(?<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+)\b)`,
    String.raw`(?<operator>s(?:>>=|\/=|%=|>=|<=|>|<)|<<=|>>=|[-+*/%&|^=!<>]=)`,
    String.raw`(?<word>[A-Za-z_.$][\w.$]*(?:#-?\d+(?:@\d+)?)?)`,
    // Digits with letters behind, as one piece.
    String.raw`(?<junk>\d\w*)`,
    String.raw`(?<other>\S)`,
  ].join('|'),
  'g',
);

export function tokens(text: string): Token[] {
  return Array.from(text.matchAll(TOKEN), (match): Token => {
    const { target, register, number, operand } = match.groups ?? {};
    const place = { text: match[0], at: match.index, length: match[0].length };
    if (operand) return { ...place, kind: OPERAND_KINDS[operand.slice(1, -1) as Operand] };
    if (target) return { ...place, kind: '@' };
    if (register) return { ...place, kind: register.startsWith('r') ? 'r' : 'w' };
    if (number) return { ...place, kind: /^0x/i.test(number) ? '0x' : '#' };
    return { ...place, kind: 'literal' };
  });
}

const OPERAND_KINDS: Record<Operand, TokenKind> = {
  dst: 'r',
  src: 'r',
  wdst: 'w',
  wsrc: 'w',
  imm: '#',
  hex: '#',
  off: '#',
  pc: '@',
  pcimm: '@',
  immlow: '#',
  immhigh: '#',
  imm64: '0x',
  imm2: '#',
  off2: '#',
  helper: 'helper',
  kfunc: 'kfunc',
};
