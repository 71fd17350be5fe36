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
 * - `(r1)` for `(r1 +0)`, `(r10 - 8)` for `(r10 -8)`;
 * - `r1 = map[counts]`, `r1 = map[counts][0]`, `r1 = map[counts][0] + 8` where the maps' names are known.
 */
import { findMatch, findMisfit, type Match } from './asm-forms.ts';
import { OperandWriter } from './asm-operands.ts';
import {
  type AsmError,
  BadStatement,
  type Statement,
  shortened,
  splitText,
  type Token,
  tokens,
} from './asm-text.ts';
import { encodeInsn, type InsnFields, SLOT_SIZE } from './decode.ts';
import { helperId } from './helpers.ts';
import { InputError } from './input-error.ts';

export type { AsmError } from './asm-text.ts';

export interface AsmOptions {
  /** Number of a helper; the default is Linux's table. */
  helperId?: (name: string) => number | undefined;
  /** BTF id of a kfunc, for calls that give its name alone; with the slot of its module as "77@1". */
  kfuncId?: (name: string) => number | string | undefined;
  /** Number of a map, for `map[name]`. Without, maps are numbers only. */
  mapIndex?: (name: string) => number | undefined;
}

/** A program, as far as its lines are instructions. */
export interface Assembly {
  /** Lines with an error are left out. */
  insns: Uint8Array;
  /** Line of every slot, from 1. */
  lineOfSlot: number[];
  /** Label -> slot. */
  labels: ReadonlyMap<string, number>;
  /** By line, the first few. */
  errors: AsmError[];
}

/** Assembles a program. @throws {InputError} naming the line. */
export function assemble(text: string, options: AsmOptions = {}): Uint8Array {
  const { insns, errors } = assembleText(text, options, 1);
  const [first] = errors;
  if (first) throw new InputError(`line ${first.line}: ${first.reason}: ${first.text}`);
  return insns;
}

const MOST_ERRORS = 100;

/** Assembles what can be assembled; every bad line is an error, up to `mostErrors`. */
export function assembleText(text: string, options: AsmOptions = {}, mostErrors = MOST_ERRORS): Assembly {
  const { statements, labels, errors } = splitText(text);
  const good: { statement: Statement; match: Match; slot: number }[] = [];
  const slotOf: number[] = [];
  let slot = 0;
  for (const statement of statements) {
    slotOf.push(slot);
    if (errors.length >= mostErrors) continue;
    attempt(errors, () => {
      const match = matchStatement(statement, labels, options);
      good.push({ statement, match, slot });
      slot += match.form.slots;
    });
  }
  slotOf.push(slot);
  const insns = new Uint8Array(slot * SLOT_SIZE);
  const lineOfSlot: number[] = [];
  for (const { statement, match, slot: at } of good) {
    const { form, operands } = match;
    for (let each = 0; each < form.slots; each++) lineOfSlot.push(statement.line);
    const fields: InsnFields = { code: form.code, dst: 0, src: 0, offset: 0, imm: 0, imm2: 0, ...form.fixed };
    const writer = new OperandWriter(fields, statement);
    attempt(errors, () => {
      for (const [operand, token] of operands) {
        const label = token.kind === '@' ? labels.get(token.text) : undefined;
        // Jumps count from the following slot, a subprog's ld_imm64 too.
        if (label === undefined) writer.write(operand, token);
        else writer.write(operand, token, distance(slotOf[label]! - at - 1));
      }
    });
    insns.set(encodeInsn(fields), at * SLOT_SIZE);
  }
  errors.sort((a, b) => a.line - b.line || a.column - b.column);
  return {
    insns,
    lineOfSlot,
    labels: new Map([...labels].map(([name, index]) => [name, slotOf[index]!])),
    errors: errors.slice(0, mostErrors),
  };
}

function attempt(errors: AsmError[], step: () => void): void {
  try {
    step();
  } catch (cause) {
    if (!(cause instanceof BadStatement)) throw cause;
    errors.push(cause.error);
  }
}

/** A distance in slots, as text. */
function distance(slots: number): string {
  return `pc${slots < 0 ? '' : '+'}${slots}`;
}

function matchStatement(
  statement: Statement,
  labels: ReadonlyMap<string, number>,
  options: AsmOptions,
): Match {
  const line = withPlainAddresses(tokens(statement.text));
  resolveNames(statement, line, labels, options);
  const match = findMatch(line);
  if (match) return match;
  const misfit = findMisfit(line);
  throw new BadStatement(statement, 'not an instruction', misfit && line[misfit.index], misfit?.expected);
}

/** `(r1)` -> `(r1 +0)`, `(r10 - 8)` -> `(r10 -8)`, for memory operands; `[0]` -> `[0]+0` of a map's value. */
function withPlainAddresses(line: readonly Token[]): Token[] {
  const plain: Token[] = [];
  for (let index = 0; index < line.length; index++) {
    const token = line[index] as Token;
    const next = line[index + 1];
    plain.push(token);
    const isBase = token.kind === 'r' && endsWith(line, index - 1, ['*', ')', '(']);
    const isElement = token.text === ']' && endsWith(line, index, [']', '[', '0', ']']);
    if (!isBase && !isElement) continue;
    const number = line[index + 2];
    if (isBase ? next?.text === ')' : next === undefined) {
      plain.push({ kind: '#', text: '+0', at: token.at + token.length, length: 0 });
    } else if (next && number && /^[+-]$/.test(next.text) && /^(0x)?[\da-f]+$/i.test(number.text)) {
      const length = number.at + number.length - next.at;
      plain.push({ kind: '#', text: next.text + number.text, at: next.at, length });
      index += 2;
    }
  }
  return plain;
}

function endsWith(line: readonly Token[], last: number, texts: readonly string[]): boolean {
  const start = last - texts.length + 1;
  return texts.every((text, index) => line[start + index]?.text === text);
}

/** Turns the names after goto, call, `subprog[` and `map[` into jump targets, functions and numbers. */
function resolveNames(
  statement: Statement,
  line: Token[],
  labels: ReadonlyMap<string, number>,
  options: AsmOptions,
): void {
  line.forEach((token, index) => {
    const before = line[index - 1]?.text ?? '';
    const bracketed = before === '[' ? line[index - 2]?.text : undefined;
    const isCall = before === 'call' && index === 1;
    const isJump = /^(goto|gotol|may_goto)$/.test(before) || bracketed === 'subprog';
    if (isCall && (token.kind === '#' || token.kind === '0x')) token.kind = 'helper';
    if (token.kind === 'literal' && bracketed === 'map' && line[index + 1]?.text === ']') {
      line[index] = resolveMap(statement, token, options);
    }
    if (token.kind !== 'literal' || !(isCall || isJump)) return;
    if (labels.has(token.text)) token.kind = '@';
    else if (isJump) {
      throw new BadStatement(statement, `label ${shortened(token.text)} is not defined`, token);
    } else line[index] = resolveFunction(statement, token, options);
  });
}

function resolveMap(statement: Statement, token: Token, options: AsmOptions): Token {
  const index = options.mapIndex?.(token.text);
  if (index !== undefined) return { ...token, kind: '#', text: String(index) };
  throw new BadStatement(statement, `map ${shortened(token.text)} is not defined`, token);
}

function resolveFunction(statement: Statement, token: Token, options: AsmOptions): Token {
  const [name, number] = token.text.split('#') as [string, string?];
  const helper = (options.helperId ?? helperId)(name);
  if (number !== undefined) {
    const isHelper = name === 'unknown' || helper === Number(number);
    return { ...token, kind: isHelper ? 'helper' : 'kfunc', text: number };
  }
  if (helper !== undefined) return { ...token, kind: 'helper', text: String(helper) };
  const kfunc = options.kfuncId?.(name);
  if (kfunc !== undefined) return { ...token, kind: 'kfunc', text: String(kfunc) };
  const reason = `${shortened(name)} is neither a label nor a helper (a kfunc needs its BTF id: ${shortened(name)}#123)`;
  throw new BadStatement(statement, reason, token);
}
