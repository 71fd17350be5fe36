/** Verifies the programs of one object, and explains why one of them is rejected. */
import { existsSync } from 'node:fs';
import { InputError } from '../../bpf/input-error.ts';
import { type BpfObject, type LoadOptions, loadObject, type Program } from '../../loader/index.ts';
import { missingText } from '../../loader/missing.ts';
import { readObject } from '../../loader/object-file-node.ts';
import { chooseTarget, type ObjectLoader, openTarget } from '../../verifier/attach-target.ts';
import { diagnosisText } from '../../verifier/diagnosis/diagnosis-text.ts';
import { SourceMap } from '../../verifier/diagnosis/source.ts';
import { type Bench, examine, type Report, verifyProgram } from '../../verifier/examine.ts';
import type { Verifier } from '../../verifier/index.ts';
import { withFormats } from '../../verifier/load-options.ts';
import { verifierLoadOptions } from '../../verifier/load-options-node.ts';
import { createVerifier } from '../../verifier/node.ts';
import type { CheckStats, Mode, SourcePlace, VerifyResult } from '../check.ts';
import { isSelected, matches } from '../config/select.ts';
import {
  type Answer,
  type ExplainJob,
  type Explanation,
  type KernelChoice,
  MOST_CLAIMS,
  type ObjectChoice,
  type ProgramAnswer,
  type Turn,
  type VerifyJob,
} from './job.ts';

interface KernelBench {
  readonly verifier: Verifier;
  readonly options: LoadOptions;
}

const benches = new Map<string, KernelBench>();

function keyOf({ kernel, series }: KernelChoice): string {
  return JSON.stringify([kernel, series]);
}

/** The verifier of a kernel, which is kept. */
async function benchOf(choice: KernelChoice): Promise<KernelBench> {
  const key = keyOf(choice);
  const known = benches.get(key);
  if (known) return known;
  const stock = !choice.series;
  const verifier = await createVerifier(choice.kernel, stock);
  const bench = { verifier, options: verifierLoadOptions(choice.kernel, stock) };
  benches.set(key, bench);
  return bench;
}

interface Opened extends Bench {
  readonly object: BpfObject;
}

/** @throws {InputError} for an object that cannot be loaded, or a target that cannot be attached to. */
async function open(choice: ObjectChoice, programs: readonly string[] | 'all'): Promise<Opened> {
  const { verifier, options: forKernel } = await benchOf(choice);
  const options = withFormats(forKernel, choice.formats ?? {});
  const load: ObjectLoader = (path, own) => loadObject(readObject(path), { ...options, file: path, ...own });
  const target = openTarget(verifier, choice.targets, load, existsSync);
  const object = loadObject(readObject(choice.path), {
    ...options,
    file: choice.file,
    programs,
    kconfig: new Map([...(options.kconfig ?? []), ...Object.entries(choice.kconfig)]),
    globals: new Map(Object.entries(choice.globals)),
    ...(target ? { target: chooseTarget(target) } : {}),
  });
  return { verifier, object, ...(target ? { target } : {}) };
}

/** How a worker tells of an object's programs, one by one. */
export interface Telling {
  /** In case it does not come to an end. */
  begins(turn: Turn): void;
  is(index: number, answer: ProgramAnswer): void;
}

/** Verifies the programs that no other worker has taken. */
export async function verifyJob(job: VerifyJob, claims: Int32Array, tell: Telling): Promise<Answer> {
  const opened = await open(job.object, 'all');
  for (const turn of turnsOf(job, opened.object.programs)) {
    const { index, program, mode } = turn;
    if (Atomics.compareExchange(claims, index, 0, 1) !== 0) continue;
    const { name, section } = program;
    tell.begins({ index, program: name, section, mode });
    tell.is(index, { program: name, section, mode, ...answerOf(opened, job, program, mode) });
  }
  return { kind: 'verify', programs: [] };
}

function* turnsOf(job: VerifyJob, programs: readonly Program[]) {
  let index = 0;
  for (const program of programs) {
    if (!matches(job.programs ?? undefined, program.name)) continue;
    for (const mode of modesOf(job, program)) {
      if (index >= MOST_CLAIMS)
        throw new InputError(`more than ${MOST_CLAIMS} programs`, { file: job.object.file });
      yield { index: index++, program, mode };
    }
  }
}

function modesOf({ object, unprivileged }: VerifyJob, program: Program): Mode[] {
  const { file, kernel, variant } = object;
  const check = {
    file,
    kernel,
    variant,
    name: program.name,
    section: program.section,
    mode: 'unpriv' as const,
  };
  return unprivileged.some((selector) => isSelected(selector, check)) ? ['priv', 'unpriv'] : ['priv'];
}

/** A crash is noted and the verifier begun anew, so that the others are not lost. */
function answerOf(
  opened: Opened,
  { object: choice }: VerifyJob,
  program: Program,
  mode: Mode,
): Pick<ProgramAnswer, 'result' | 'crash'> {
  try {
    const { object } = opened;
    const report = verifyProgram(
      opened,
      { path: choice.file, object, program },
      { unpriv: mode === 'unpriv' },
    );
    return { result: resultOf(report), crash: null };
  } catch (error) {
    benches.delete(keyOf(choice));
    return { result: null, crash: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

function resultOf({ object, program, verdict, refusal }: Report): VerifyResult {
  const source = program.prepared ? placeOf(new SourceMap(program.lineInfo, object.btf).at(0)) : null;
  if (!verdict)
    return { verdict: 'not-loaded', errno: 0, message: refusal ?? '', insn: null, source, stats: null };
  const { accepted, errno, message, insn, stats } = verdict;
  const missing = accepted ? undefined : program.missing.find((each) => each.insn === insn);
  return {
    verdict: accepted ? 'accepted' : 'rejected',
    errno,
    message,
    insn: !accepted && insn >= 0 ? insn : null,
    source,
    stats: statsOf(stats),
    ...(missing ? { missing: missingText(missing) } : {}),
  };
}

function statsOf(stats: NonNullable<Report['verdict']>['stats']): CheckStats {
  const { insnsProcessed, totalStates, peakStates, maxStatesPerInsn, markRead, stackDepths } = stats;
  return {
    insns: insnsProcessed,
    states: totalStates,
    peakStates,
    maxStatesPerInsn,
    markRead,
    stack: stackDepths.reduce((sum, depth) => sum + depth, 0),
  };
}

function placeOf(line: SourcePlace | undefined): SourcePlace | null {
  return line && line.line > 0 ? { file: line.file, line: line.line, text: line.text.trim() } : null;
}

/** Why programs are rejected; without those that have nothing to tell. */
export async function explainJob({ object: choice, programs }: ExplainJob): Promise<Answer> {
  const opened = await open(
    choice,
    programs.map(({ program }) => program),
  );
  return { kind: 'explain', programs: programs.flatMap((each) => explanationOf(opened, choice, each) ?? []) };
}

function explanationOf(
  opened: Opened,
  choice: ObjectChoice,
  { program: name, mode }: ExplainJob['programs'][number],
): Explanation | undefined {
  const { object } = opened;
  const program = object.programs.find((each) => each.name === name);
  if (!program) return undefined;
  const { diagnosis } = examine(
    opened,
    { path: choice.file, object, program },
    { unpriv: mode === 'unpriv' },
  );
  return (
    diagnosis && { program: name, mode, details: diagnosisText(diagnosis), source: placeOf(diagnosis.source) }
  );
}
