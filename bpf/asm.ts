/**
 * Assembler: the kernel's instruction text back into bytes.
 *
 * One instruction a line, as `disassemble` prints it, optionally with what a verifier log puts before it
 * (`12: (b7) r1 = 1`). Beyond that text:
 * - comments: from `;` or `//` to the end of the line;
 * - labels: `again:`, used as `goto again`, `if r1 == 0 goto again`, `call sub`, `r1 = subprog[sub]`;
 * - numbers in decimal or hex wherever one stands; `r1 = -5 ll` and `r1 = 0x5 ll` for ld_imm64. As in the
 *   log, `r1 = 0x5` is a ld_imm64 (two slots), `r1 = 5` a mov;
 * - `call 1`, and `call bpf_map_lookup_elem` without the number; `call name#77@1` for the kfunc with BTF id 77
 *   of the module in slot 1 of fd_array (the log does not show the slot);
 * - `(r1)` for `(r1 +0)`, `(r10 - 8)` for `(r10 -8)`.
 */
import { encodeInsn, type InsnFields, SLOT_SIZE } from './decode.ts';
import { helperId } from './helpers.ts';
import { InputError } from './input-error.ts';
import { FORMS, type InsnForm, type Operand } from './opcodes.ts';

export interface AsmOptions {
  /** Number of a helper; the default is Linux's table. */
  helperId?: (name: string) => number | undefined;
  /** BTF id of a kfunc, for calls that give its name alone. */
  kfuncId?: (name: string) => number | undefined;
}

/** Assembles a program. @throws {InputError} naming the line. */
export function assemble(text: string, options: AsmOptions = {}): Uint8Array {
  const { statements, labels } = split(text);
  const slotOf: number[] = [];
  let slot = 0;
  const lines = statements.map((statement) => {
    const match = matchStatement(statement, labels, options);
    slotOf.push(slot);
    slot += match.form.slots;
    return match;
  });
  slotOf.push(slot);
  const program = new Uint8Array(slot * SLOT_SIZE);
  lines.forEach(({ form, operands }, index) => {
    const fields: InsnFields = { code: form.code, dst: 0, src: 0, offset: 0, imm: 0, imm2: 0, ...form.fixed };
    const writer = new OperandWriter(fields, statements[index] as Statement);
    for (const [operand, token] of operands) {
      const label = token.kind === '@' ? labels.get(token.text) : undefined;
      // Jumps count from the following slot, a subprog's ld_imm64 too.
      const next = (slotOf[index] as number) + 1;
      writer.write(operand, label === undefined ? token.text : target((slotOf[label] as number) - next));
    }
    program.set(encodeInsn(fields), (slotOf[index] as number) * SLOT_SIZE);
  });
  return program;
}

/** A distance in slots, as text. */
function target(distance: number): string {
  return `pc${distance < 0 ? '' : '+'}${distance}`;
}

/** One instruction's text. */
interface Statement {
  line: number;
  text: string;
}

function fail(statement: Statement, reason: string): never {
  throw new InputError(`line ${statement.line}: ${reason}: ${statement.text}`);
}

const LABEL = /^([A-Za-z_.$][\w.$]*)\s*:\s*/;
/** `12: (b7) ` of a log line. */
const LOG_PREFIX = /^(\d+:\s*)?(\([0-9a-f]{2}\)\s+)?/;

/** Lines without comments and labels; a label is the index of the statement that follows it. */
function split(text: string): { statements: Statement[]; labels: Map<string, number> } {
  const statements: Statement[] = [];
  const labels = new Map<string, number>();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    let rest = raw.replace(/(;|\/\/).*/, '').trim();
    for (let label = LABEL.exec(rest); label; label = LABEL.exec(rest)) {
      const name = label[1] as string;
      if (labels.has(name)) fail({ line, text: raw.trim() }, `label ${name} is defined twice`);
      labels.set(name, statements.length);
      rest = rest.slice(label[0].length);
    }
    rest = rest.replace(LOG_PREFIX, '');
    if (rest !== '') statements.push({ line, text: rest });
  }
  return { statements, labels };
}

/**
 * Token kinds double as the token's stand-in in a skeleton: r and w registers, # a number, 0x a hex number,
 * @ a jump target, helper and kfunc a function to call; a literal stands for itself.
 */
type TokenKind = 'r' | 'w' | '#' | '0x' | '@' | 'helper' | 'kfunc' | 'literal';

interface Token {
  kind: TokenKind;
  text: string;
}

const TOKEN = new RegExp(
  [
    String.raw`(?<operand>\{\w+\})`,
    String.raw`(?<target>pc\s*[+-]\s*\d+\b)`,
    String.raw`(?<register>[rw]\d+\b)`,
    String.raw`(?<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+)\b)`,
    String.raw`(?<operator>s(?:>>=|\/=|%=|>=|<=|>|<)|<<=|>>=|[-+*/%&|^=!<>]=)`,
    String.raw`(?<word>[A-Za-z_.$][\w.$]*(?:#-?\d+(?:@\d+)?)?)`,
    String.raw`(?<other>\S)`,
  ].join('|'),
  'g',
);

function tokens(text: string): Token[] {
  return Array.from(text.matchAll(TOKEN), (match): Token => {
    const { target, register, number, operand } = match.groups ?? {};
    if (operand) return { kind: OPERAND_KINDS[operand.slice(1, -1) as Operand], text: operand };
    if (target) return { kind: '@', text: target };
    if (register) return { kind: register.startsWith('r') ? 'r' : 'w', text: register };
    if (number) return { kind: /^0x/i.test(number) ? '0x' : '#', text: number };
    return { kind: 'literal', text: match[0] };
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

/** The text with its operands taken out; equal for a pattern and for every statement of that form. */
function skeleton(line: readonly Token[], hexIsNumber: boolean): string {
  return line
    .map(({ kind, text }) => (kind === 'literal' ? text : hexIsNumber && kind === '0x' ? '#' : kind))
    .join(' ');
}

interface Candidate {
  form: InsnForm;
  pattern: readonly Token[];
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

interface Match {
  form: InsnForm;
  operands: [Operand, Token][];
}

function matchStatement(
  statement: Statement,
  labels: ReadonlyMap<string, number>,
  options: AsmOptions,
): Match {
  const line = tokens(withPlainAddresses(statement.text));
  resolveNames(statement, line, labels, options);
  const candidates = CANDIDATES.get(skeleton(line, false)) ?? CANDIDATES.get(skeleton(line, true)) ?? [];
  for (const { form, pattern } of candidates) {
    const operands = bind(pattern, line);
    if (operands) return { form, operands };
  }
  return fail(statement, 'not an instruction');
}

/** `(r1)` -> `(r1 +0)`, `(r10 - 8)` -> `(r10 -8)`, for memory operands only. */
function withPlainAddresses(text: string): string {
  return text.replace(/(\*\)\s*)\(\s*(r\d+)\s*(?:([+-])\s*(\w+)\s*)?\)/g, (_, cast, base, sign, number) =>
    sign ? `${cast}(${base} ${sign}${number})` : `${cast}(${base} +0)`,
  );
}

/** Turns the names after goto, call and `subprog[` into jump targets or functions. */
function resolveNames(
  statement: Statement,
  line: Token[],
  labels: ReadonlyMap<string, number>,
  options: AsmOptions,
): void {
  line.forEach((token, index) => {
    const before = line[index - 1]?.text ?? '';
    const isCall = before === 'call' && index === 1;
    const isJump =
      /^(goto|gotol|may_goto)$/.test(before) || (before === '[' && line[index - 2]?.text === 'subprog');
    if (isCall && (token.kind === '#' || token.kind === '0x')) token.kind = 'helper';
    if (token.kind !== 'literal' || !(isCall || isJump)) return;
    if (labels.has(token.text)) token.kind = '@';
    else if (isJump) fail(statement, `label ${token.text} is not defined`);
    else line[index] = resolveFunction(statement, token.text, options);
  });
}

function resolveFunction(statement: Statement, text: string, options: AsmOptions): Token {
  const [name, number] = text.split('#') as [string, string?];
  const helper = (options.helperId ?? helperId)(name);
  if (number !== undefined) {
    const isHelper = name === 'unknown' || helper === Number(number);
    return { kind: isHelper ? 'helper' : 'kfunc', text: number };
  }
  if (helper !== undefined) return { kind: 'helper', text: String(helper) };
  const kfunc = options.kfuncId?.(name);
  if (kfunc !== undefined) return { kind: 'kfunc', text: String(kfunc) };
  return fail(statement, `${name} is neither a label nor a helper (a kfunc needs its BTF id: ${name}#123)`);
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

/** Puts operands into an instruction's fields, checking that they fit. */
class OperandWriter {
  private readonly fields: InsnFields;
  private readonly statement: Statement;

  constructor(fields: InsnFields, statement: Statement) {
    this.fields = fields;
    this.statement = statement;
  }

  write(operand: Operand, text: string): void {
    const { fields } = this;
    switch (operand) {
      case 'dst':
      case 'wdst':
        fields.dst = this.register(text);
        break;
      case 'src':
      case 'wsrc':
        fields.src = this.register(text);
        break;
      case 'off':
      case 'pc':
        fields.offset = this.number(text, -0x8000, 0x7fff);
        break;
      case 'pcimm':
      case 'helper':
        fields.imm = this.number(text, -0x8000_0000, 0x7fff_ffff);
        break;
      case 'kfunc': {
        const [id, fdArraySlot = '0'] = text.split('@') as [string, string?];
        fields.imm = this.number(id, 0, 0x7fff_ffff);
        fields.offset = this.number(fdArraySlot, 0, 0x7fff);
        break;
      }
      case 'imm':
      case 'hex':
        // Hex gives the field's bits; a decimal number above 2^31-1 would silently become negative.
        fields.imm = this.number(text, -0x8000_0000, /0x/i.test(text) ? 0xffff_ffff : 0x7fff_ffff) | 0;
        break;
      case 'immlow':
        fields.imm = (fields.imm & ~0xffff) | this.number(text, 0, 0xffff);
        break;
      case 'immhigh':
        fields.imm = (fields.imm & 0xffff) | (this.number(text, 0, 0xffff) << 16);
        break;
      case 'imm2':
      case 'off2':
        fields.imm2 = this.number(text, 0, 0xffff_ffff) | 0;
        break;
      case 'imm64': {
        const value = this.integer(text, -(2n ** 63n), 2n ** 64n - 1n);
        fields.imm = Number(BigInt.asIntN(32, value));
        fields.imm2 = Number(BigInt.asIntN(32, value >> 32n));
      }
    }
  }

  private register(text: string): number {
    const number = Number(text.slice(1));
    if (number > 10) fail(this.statement, `there is no register ${text}`);
    return number;
  }

  private number(text: string, low: number, high: number): number {
    return Number(this.integer(text, BigInt(low), BigInt(high)));
  }

  private integer(text: string, low: bigint, high: bigint): bigint {
    const digits = text.replace(/^pc|\s|[+-]/g, '');
    const value = text.includes('-') ? -BigInt(digits) : BigInt(digits);
    if (value < low || value > high) fail(this.statement, `${text} does not fit (${low} to ${high})`);
    return value;
  }
}
