/** Programs times kernels: what each kernel answers to each program, and where they part. */
import type { Mode, VerifyResult } from '../check.ts';
import type { Answer, ExplainJob, Explanation, ObjectChoice, VerifyJob } from '../jobs/job.ts';
import { differenceOf } from './difference.ts';

/** A kernel as the table names it, and its profile: a built-in one, or the absolute path of a directory. */
export interface MatrixKernel {
  readonly label: string;
  readonly profile: string;
}

/** What one kernel answers. */
export interface MatrixCell extends VerifyResult {
  /** Its label. */
  readonly kernel: string;
  /** Lines of the explanation of a rejection; empty where there is nothing to tell. */
  readonly details: readonly string[];
}

export interface MatrixRow {
  readonly file: string;
  readonly program: string;
  readonly section: string;
  readonly mode: Mode;
  /** One for each kernel, in their order. */
  readonly cells: readonly MatrixCell[];
  /** Why the first kernel that does not take it refuses what another one takes; undefined where all agree. */
  readonly difference?: string;
}

/** The same programs for all kernels, and what could not be looked at. */
export interface Matrix {
  /** Labels. */
  readonly kernels: readonly string[];
  readonly rows: readonly MatrixRow[];
  readonly failures: readonly MatrixFailure[];
}

export interface MatrixFailure {
  readonly file: string;
  readonly kernel: string;
  readonly reason: string;
  /** A bug in Drydock. */
  readonly isCrash: boolean;
}

/** Does jobs; one answer for each, in their order. */
export type DoJobs = (jobs: readonly (VerifyJob | ExplainJob)[], what: string) => Promise<readonly Answer[]>;

export interface MatrixRequest {
  readonly objects: readonly Omit<ObjectChoice, 'kernel'>[];
  readonly kernels: readonly MatrixKernel[];
  /** Programs to look at; null for all. */
  readonly programs: readonly string[] | null;
  readonly mode: Mode;
}

/** Verifies everything, and has explained what some kernels take and others reject. */
export async function makeMatrix(request: MatrixRequest, doJobs: DoJobs): Promise<Matrix> {
  const { kernels, objects, programs, mode } = request;
  const jobs = objects.flatMap((object) =>
    kernels.map(
      (kernel): VerifyJob => ({
        kind: 'verify',
        object: { ...object, kernel: kernel.profile },
        programs,
        unprivileged: mode === 'unpriv' ? [{}] : [],
      }),
    ),
  );
  const answers = await doJobs(jobs, 'verified');
  const table = new Table(request);
  answers.forEach((answer, index) => {
    const job = jobs[index];
    if (job) table.add(job, answer);
  });
  const rows = table.rows();
  const explanations = await explain(rows, request, doJobs);
  return {
    kernels: kernels.map(({ label }) => label),
    rows: rows.map((row) => explained(row, explanations)),
    failures: table.failures,
  };
}

class Table {
  readonly failures: MatrixFailure[] = [];
  private readonly request: MatrixRequest;
  private readonly cells = new Map<string, MatrixRow & { cells: MatrixCell[] }>();

  constructor(request: MatrixRequest) {
    this.request = request;
  }

  add({ object }: VerifyJob, answer: Answer): void {
    const { file } = object;
    const kernel =
      this.request.kernels.find(({ profile }) => profile === object.kernel)?.label ?? object.kernel;
    if (answer.kind === 'refused' || answer.kind === 'crash') {
      this.failures.push({ file, kernel, reason: answer.reason, isCrash: answer.kind === 'crash' });
      return;
    }
    if (answer.kind !== 'verify') return;
    for (const { program, section, mode, result, crash } of answer.programs) {
      if (mode !== this.request.mode) continue;
      if (!result) {
        const reason = `${program}: ${crash ?? 'no answer'}`;
        this.failures.push({ file, kernel, reason, isCrash: true });
        continue;
      }
      this.row(file, program, section).cells.push({ ...result, kernel, details: [] });
    }
  }

  rows(): MatrixRow[] {
    return [...this.cells.values()];
  }

  private row(file: string, program: string, section: string): { cells: MatrixCell[] } {
    const key = `${file}\0${program}`;
    const known = this.cells.get(key);
    if (known) return known;
    const row = { file, program, section, mode: this.request.mode, cells: [] };
    this.cells.set(key, row);
    return row;
  }
}

/** Whether a kernel takes what another one does not. */
export function differs({ cells }: Pick<MatrixRow, 'cells'>): boolean {
  return new Set(cells.map(({ verdict }) => verdict === 'accepted')).size > 1;
}

/** By file, kernel and program. */
type Explanations = ReadonlyMap<string, Explanation>;

function keyOf(file: string, kernel: string, program: string): string {
  return `${file}\0${kernel}\0${program}`;
}

async function explain(
  rows: readonly MatrixRow[],
  { objects, kernels, mode }: MatrixRequest,
  doJobs: DoJobs,
): Promise<Explanations> {
  const wanted = rows.filter(differs);
  const jobs = objects.flatMap((object) =>
    kernels.flatMap(({ label, profile }): ExplainJob[] => {
      const programs = wanted
        .filter(({ file, cells }) => file === object.file && isRejected(cells, label))
        .map(({ program }) => ({ program, mode }));
      const choice = { ...object, kernel: profile };
      return programs.length > 0 ? [{ kind: 'explain', object: choice, programs }] : [];
    }),
  );
  const answers = await doJobs(jobs, 'explained');
  const explanations = new Map<string, Explanation>();
  answers.forEach((answer, index) => {
    const object = jobs[index]?.object;
    if (answer.kind !== 'explain' || !object) return;
    const label = kernels.find(({ profile }) => profile === object.kernel)?.label ?? '';
    for (const each of answer.programs) explanations.set(keyOf(object.file, label, each.program), each);
  });
  return explanations;
}

function isRejected(cells: readonly MatrixCell[], kernel: string): boolean {
  return cells.some((cell) => cell.kernel === kernel && cell.verdict === 'rejected');
}

function explained(row: MatrixRow, explanations: Explanations): MatrixRow {
  const cells = row.cells.map((cell) => {
    const found = explanations.get(keyOf(row.file, cell.kernel, row.program));
    return found ? { ...cell, details: found.details, source: found.source } : cell;
  });
  if (!differs(row)) return { ...row, cells };
  return { ...row, cells, difference: differenceOf(cells) };
}
