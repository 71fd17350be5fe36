/**
 * What a Linux 6.1 kernel answered when every helper was called, and every part of the context was read and written,
 * by programs of every type: golden/answers-6.1.json. The loads are made here as they were made there, none of them
 * is accepted, and what was wrong with each tells what the kernel knows of the helper or the access.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { assemble } from '../../bpf/asm.ts';
import { BtfKind } from '../../bpf/btf.ts';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import type { Verifier } from '../../verifier/index.ts';
import { createVerifier } from '../../verifier/node.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import { requestOf } from './support.ts';

interface Program {
  type: string;
  attach?: string;
  /** Index of the function that a struct_ops program implements. */
  member?: number;
  target?: string;
  sleepable?: true;
  caps: number;
  /** Of a program that returns 0. */
  errno: number;
  helpers: number;
  ctx?: number;
}

/** A letter for each answer; a number in front of a letter repeats it. */
interface Answers {
  programs: Program[];
  helpers: string[];
  ctx: string[];
}

const file = new URL('golden/answers-6.1.json', import.meta.url);
const { programs, helpers, ctx } = JSON.parse(readFileSync(file, 'utf8')) as Answers;
const data = openVerifierData('6.1');
const { vmlinux } = openProfile('6.1');

const SLEEPABLE = 16;
/** One more than the kernels have that came much later. */
const HELPERS = 213;
const CONTEXT_BYTES = 256;
const SIZES = ['u8', 'u16', 'u32', 'u64'];
const ERRNOS: { [errno: number]: string } = { 0: '.', 1: 'P', 2: 'N', 13: 'A', 22: 'I', 524: 'S' };
/** Reads a register that holds nothing, so that whatever comes before it is all that a kernel can like. */
const END = 'r3 = r9\nr0 = 0\nexit';

let verifier: Verifier;
beforeAll(async () => {
  verifier = await createVerifier('6.1', true);
});

function load(program: Program, text: string): Verdict {
  return verifier.verify(
    requestOf(assemble(text), {
      progType: data.progType(program.type),
      expectedAttachType: program.attach ? data.attachType(program.attach) : (program.member ?? 0),
      progFlags: program.sleepable ? SLEEPABLE : 0,
      caps: program.caps,
      attachBtfId: targetId(program.target),
      logLevel: 1,
    }),
  );
}

function targetId(target: string | undefined): number {
  if (target === undefined) return 0;
  const kinds = [BtfKind.Func, BtfKind.Typedef, BtfKind.Struct];
  return kinds.map((kind) => vmlinux.find(target, kind)).find((id) => id > 0) ?? 0;
}

const letter = (errno: number): string => ERRNOS[errno] ?? '?';
const spelled = (runs: string | undefined): string =>
  (runs ?? '').replace(/(\d+)(\D)/g, (_, count: string, answer: string) => answer.repeat(Number(count)));

/** u: there is no such helper for the program. o: there is, but its arguments are not there. */
function helperAnswer(program: Program, helper: number): string {
  const { errno, log } = load(program, `call ${helper}\n${END}`);
  if (/unknown func|invalid func|helper call is not allowed/.test(log)) return 'u';
  return errno === 1 ? 'P' : 'o';
}

/** Full stop: a pointer to memory. s: a scalar. i: another pointer. a: read, but not from there. A: no such field. */
function readAnswer(program: Program, size: string, offset: number): string {
  const { errno, log } = load(program, `r2 = *(${size} *)(r1 +${offset})\nr3 = *(u32 *)(r2 +0)\n${END}`);
  if (log.includes('R9 !read_ok')) return '.';
  const [, kind] = /invalid mem access '(\w+)/.exec(log) ?? [];
  if (kind !== undefined) return kind.startsWith('scalar') ? 's' : 'i';
  return errno === 13 && !log.includes('invalid bpf_context') ? 'a' : letter(errno);
}

/** Full stop: written. w: not what may be written. A: no such field. */
function writeAnswer(program: Program, size: string, offset: number): string {
  const { errno, log } = load(program, `r2 = 0\n*(${size} *)(r1 +${offset}) = r2\n${END}`);
  if (log.includes('R9 !read_ok')) return '.';
  return errno === 13 && !log.includes('invalid bpf_context') ? 'w' : letter(errno);
}

/** Accesses in the order of the answers: aligned, bytes of every word but the last. */
function* accesses(): Generator<[size: string, offset: number]> {
  for (let offset = 0; offset < CONTEXT_BYTES; offset++) {
    for (const [index, size] of SIZES.entries()) {
      const bytes = 1 << index;
      if (offset % bytes === 0 && !(bytes < 4 && offset % 4 === 3)) yield [size, offset];
    }
  }
}

const title = ({ type, attach, member, target, sleepable, caps }: Program): string =>
  [type, attach ?? member, target, sleepable ? 'sleepable' : undefined, `capabilities ${caps}`]
    .filter((part) => part !== undefined)
    .join(' ');

it('programs that do nothing', () => {
  const wrong = programs.filter((program) => load(program, 'r0 = 0\nexit').errno !== program.errno);
  expect(wrong.map(title)).toEqual([]);
});

/** Of programs of one type with the same answers, the first stands for all. */
function different(answers: (program: Program) => number | undefined): [title: string, program: Program][] {
  const first = new Map<string, Program>();
  for (const program of programs) {
    const key = `${program.type} ${program.caps} ${answers(program)}`;
    if (answers(program) !== undefined && !first.has(key)) first.set(key, program);
  }
  return [...first.values()].map((program) => [title(program), program]);
}

describe('helpers', () => {
  it.each(different((program) => program.helpers))('of %s', (_, program) => {
    const answers = [...spelled(helpers[program.helpers])];
    const own = answers.map((_, index) => helperAnswer(program, index + 1));
    const wrong = answers.flatMap((answer, index) =>
      own[index] === answer ? [] : [`${data.helperName(index + 1)}: ${answer}, not ${own[index]}`],
    );
    expect(wrong).toEqual([]);
    expect(answers.length).toBe(HELPERS);
  });
});

describe('contexts', () => {
  it.each(different((program) => program.ctx))('of %s', (_, program) => {
    const answers = spelled(ctx[program.ctx ?? 0]);
    const wrong: string[] = [];
    let at = 0;
    for (const [way, answerOf] of [
      ['read', readAnswer],
      ['write', writeAnswer],
    ] as const) {
      for (const [size, offset] of accesses()) {
        const own = answerOf(program, size, offset);
        const answer = answers[at++];
        if (own !== answer) wrong.push(`${way} ${size} at ${offset}: ${answer}, not ${own}`);
      }
    }
    expect(at).toBe(answers.length);
    expect(wrong).toEqual([]);
  });
});
