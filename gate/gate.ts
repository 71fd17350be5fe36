/** The gate: what a configuration asks for is planned, answered by workers or the cache, and judged. */
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { ScenePath } from '../kernel-model/scene/scene-error.ts';
import { type Answered, Answers, type AnswersOptions } from './answers.ts';
import { writeAtomically } from './atomic-file.ts';
import type { Baseline } from './baseline.ts';
import { type Check, checkId, type Finding, type GateReport, statusOf } from './check.ts';
import type { CheckpointSpec, RunSpec } from './config/config.ts';
import type { ParsedConfig } from './config/parse.ts';
import type { Selectable } from './config/select.ts';
import type {
  CheckpointJob,
  ExplainJob,
  Explanation,
  ObjectChoice,
  ProgramAnswer,
  RunAnswer,
  RunJob,
  VerifyJob,
} from './jobs/job.ts';
import { allow } from './judge/allow.ts';
import { judgeCheckpoint, judgeRun } from './judge/outcome.ts';
import { Rules } from './judge/rules.ts';
import { finding, judgeProgram } from './judge/verdict.ts';
import { makePlan, type Plan, type Planned, type Shard } from './plan.ts';
import { SourcePlaces } from './source-place.ts';

export interface GateOptions extends Omit<AnswersOptions, 'progress'> {
  readonly version: string;
  readonly baseline: Baseline | undefined;
  readonly shard: Shard | null;
  readonly isUnchanged: (file: string) => boolean;
  /** Whether everything is looked at, so that what matches nothing is of no use. */
  readonly isWhole: boolean;
  /** Whether rejections are explained, which takes another verification of each. */
  readonly explains: boolean;
  /** What runs give becomes what is expected of them, where that is a file. */
  readonly updatesOutputs: boolean;
  /** YYYY-MM-DD */
  readonly today: string;
  readonly progress: (done: number, total: number, what: string) => void;
}

/** @throws {InputError} for a configuration that names what there is not. */
export async function runGate(parsed: ParsedConfig, options: GateOptions): Promise<GateReport> {
  const rules = new Rules(parsed.config);
  const plan = await makePlan(parsed, rules, options);
  const gate = new Gate(parsed, options, rules, plan);
  const checks = await gate.checks();
  return {
    version: options.version,
    config: parsed.file,
    today: options.today,
    shard: options.shard,
    checks: checks.sort((a, b) => (checkId(a) < checkId(b) ? -1 : 1)),
  };
}

/** What is the same of all checks of an object, a scene or the configuration. */
type Subject = Pick<Check, 'kind' | 'kernel' | 'mode' | 'variant' | 'file' | 'name' | 'section'>;

class Gate {
  private readonly parsed: ParsedConfig;
  private readonly options: GateOptions;
  private readonly rules: Rules;
  private readonly plan: Plan;
  private readonly places: SourcePlaces;

  constructor(parsed: ParsedConfig, options: GateOptions, rules: Rules, plan: Plan) {
    this.parsed = parsed;
    this.options = options;
    this.rules = rules;
    this.plan = plan;
    this.places = new SourcePlaces(options.root);
  }

  async checks(): Promise<Check[]> {
    const { verify, runs, checkpoints } = this.plan;
    const jobs = [...verify, ...runs.map(({ job }) => job), ...checkpoints.map(({ job }) => job)];
    const answered = await this.answers('checked').all(jobs);
    if (answered.length < jobs.length) return [];
    const next = answered.values();
    const take = () => next.next().value as Answered;
    const programs = verify.flatMap((job) => this.objectChecks(job, take()));
    const others = [
      ...runs.map((planned) => this.runCheck(planned, take())),
      ...checkpoints.map((planned) => this.checkpointCheck(planned, take())),
    ];
    const explained = this.options.explains ? await this.explain(programs) : programs;
    return [...explained, ...others, ...this.missing(programs), ...this.unused()];
  }

  private answers(what: string): Answers {
    const { progress } = this.options;
    return new Answers({ ...this.options, progress: (done, total) => progress(done, total, what) });
  }

  private objectChecks(job: VerifyJob, answered: Answered): Check[] {
    const { answer } = answered;
    const { kernel, file, variant } = job.object;
    if (answer.kind === 'verify')
      return answer.programs.map((program) => this.programCheck(job, program, answered.cached));
    const subject = { kind: 'object', kernel, mode: 'priv', variant, file, name: '', section: '' } as const;
    const expectation = this.rules.expectation(subject);
    if (answer.kind === 'refused' && expectation?.verdict === 'not-loaded')
      return [this.check(subject, [], answered.cached)];
    return [this.check(subject, [unusable(answered)], answered.cached)];
  }

  private programCheck({ object }: VerifyJob, answer: ProgramAnswer, cached: boolean): Check {
    const { kernel, file, variant } = object;
    const { program: name, section, mode, result, crash } = answer;
    const subject = { kind: 'verify', kernel, mode, variant, file, name, section } as const;
    const before = this.options.baseline?.find(subject) ?? null;
    // Rules count as used by a program that crashed, too.
    this.rules.useUnprivileged(subject);
    const wanted = {
      expectation: this.rules.expectation(subject),
      budget: this.rules.budget(subject),
      growth: this.rules.growth(subject),
      before,
    };
    if (!result) return this.check(subject, [crashed(crash ?? '')], cached);
    const placed = { ...result, source: this.places.find(result.source) };
    return { ...this.check(subject, judgeProgram(placed, wanted), cached), result: placed, before };
  }

  private runCheck({ job, spec, name }: Planned<RunJob, RunSpec>, answered: Answered): Check {
    const subject = this.named('run', job.kernel, job.file, name);
    if (answered.answer.kind !== 'run') return this.check(subject, [unusable(answered)], answered.cached);
    this.updateOutput(answered.answer, spec);
    const expected = this.expectedOutput(spec, answered.answer.binary);
    const findings =
      expected instanceof Error
        ? [finding('unloadable', `${spec.output_file}: ${expected.message}`)]
        : judgeRun(answered.answer, spec, expected);
    return this.check(subject, findings, answered.cached);
  }

  private updateOutput({ output, binary, failure }: RunAnswer, { output_file }: RunSpec): void {
    if (!this.options.updatesOutputs || output_file === undefined || failure !== null) return;
    writeAtomically(resolve(this.plan.root, output_file), Buffer.from(output, binary ? 'latin1' : 'utf8'));
  }

  /** Bytes that are no text are compared as Latin-1 has them. */
  private expectedOutput({ output, output_file }: RunSpec, binary: boolean): string | undefined | Error {
    if (output_file === undefined) return output;
    try {
      return readFileSync(resolve(this.plan.root, output_file), binary ? 'latin1' : 'utf8');
    } catch (error) {
      return error as Error;
    }
  }

  private checkpointCheck(
    { job, spec, name }: Planned<CheckpointJob, CheckpointSpec>,
    answered: Answered,
  ): Check {
    const subject = this.named('checkpoint', job.kernel, job.file, name);
    const { answer, cached } = answered;
    const findings = answer.kind === 'checkpoint' ? judgeCheckpoint(answer, spec) : [unusable(answered)];
    return this.check(subject, findings, cached);
  }

  private named(kind: 'run' | 'checkpoint', kernel: string, file: string, name: string): Subject {
    return { kind, kernel, mode: 'priv', variant: '', file, name, section: '' };
  }

  private check(subject: Subject, found: readonly Finding[], cached: boolean): Check {
    const { rules, options } = this;
    const isNamed = subject.kind === 'run' || subject.kind === 'checkpoint';
    const findings = allow(found, subject satisfies Selectable, { rules, isNamed, today: options.today });
    return { ...subject, status: statusOf(findings), findings, result: null, before: null, cached };
  }

  /** Verifies once more what is not as it should be, this time to say why. */
  private async explain(checks: readonly Check[]): Promise<Check[]> {
    const open = checks.filter(
      ({ findings, result }) =>
        result?.verdict === 'rejected' &&
        findings.some(({ rule, allowed }) => isAboutReason(rule) && !allowed),
    );
    const explanations = new Map<string, Explanation>();
    const jobs = this.explainJobs(open);
    for (const [i, { answer }] of (await this.answers('explained').all(jobs)).entries()) {
      const { object } = jobs[i] as ExplainJob;
      for (const each of answer.kind === 'explain' ? answer.programs : [])
        explanations.set(keyOf(object, each.program, each.mode), each);
    }
    return checks.map((check) =>
      this.explained(check, explanations.get(keyOf(check, check.name, check.mode))),
    );
  }

  /** One for each object as it is loaded, however many of its programs are rejected. */
  private explainJobs(checks: readonly Check[]): ExplainJob[] {
    return this.plan.verify.flatMap(({ object }) => {
      const { file, kernel, variant } = object;
      const programs = checks
        .filter((check) => check.file === file && check.kernel === kernel && check.variant === variant)
        .map(({ name, mode }) => ({ program: name, mode }));
      return programs.length === 0 ? [] : [{ kind: 'explain' as const, object, programs }];
    });
  }

  private explained(check: Check, explanation: Explanation | undefined): Check {
    if (!explanation) return check;
    const { details } = explanation;
    const source = this.places.find(explanation.source);
    const findings = check.findings.map((each) =>
      isAboutReason(each.rule) ? { ...each, details, source: source ?? each.source } : each,
    );
    return { ...check, findings };
  }

  /** Programs that the baseline has and nobody else. */
  private missing(checks: readonly Check[]): Check[] {
    const unloadable = new Set(checks.filter(({ kind }) => kind === 'object').map(({ file }) => file));
    return (this.options.baseline?.missing(checks) ?? [])
      .filter(({ subject: { file } }) => this.plan.isWanted(file) && !unloadable.has(file))
      .map(({ subject: entry, before }) => {
        const subject = { ...entry, kind: 'verify', section: '' } as const;
        return {
          ...this.check(subject, [finding('missing', 'is in the baseline and nowhere else')], false),
          before,
        };
      });
  }

  /** Rules that match nothing protect nothing: a name is wrong, or what they were for is gone. */
  private unused(): Check[] {
    const { isWhole, shard } = this.options;
    if (!isWhole && !shard) return [];
    return this.rules.unused().map((path) => {
      const { line } = this.parsed.locate(path);
      const [list, index] = path;
      const name = `${list} ${Number(index) + 1} (line ${line})`;
      // As all files, relative to the folder of the configuration.
      const file = basename(this.parsed.file);
      const subject = {
        kind: 'config',
        kernel: '',
        mode: 'priv',
        variant: '',
        file,
        name,
        section: '',
      } as const;
      const unused = {
        ...finding('unused', unusedText(path)),
        source: { file, line, text: '' },
      };
      // Other shards may have what it matches.
      const allowed = shard ? { reason: OTHER_SHARDS, expires: null } : null;
      return this.check(subject, [{ ...unused, allowed }], false);
    });
  }
}

/** Why a shard lets rules pass that match nothing in it. */
export const OTHER_SHARDS = 'other shards may match it';

function unusedText([list]: ScenePath): string {
  return list === 'allow' ? 'allows what does not happen (any more): remove it' : 'matches nothing';
}

function keyOf(
  { file, kernel, variant }: Pick<ObjectChoice, 'file' | 'kernel' | 'variant'>,
  program: string,
  mode: string,
): string {
  return JSON.stringify([file, kernel, variant, program, mode]);
}

function isAboutReason(rule: Finding['rule']): boolean {
  return rule === 'rejected' || rule === 'wrong-reason';
}

function unusable({ answer }: Answered): Finding {
  if (answer.kind === 'refused') return finding('unloadable', answer.reason);
  return crashed(answer.kind === 'crash' ? answer.reason : `an answer of the wrong kind (${answer.kind})`);
}

function crashed(text: string): Finding {
  const [first = '', ...details] = text.split('\n');
  return { ...finding('crash', `a bug in Drydock, please report it: ${first}`), details };
}
