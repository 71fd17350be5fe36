/** drydock verify with several kernels: a table of programs and kernels. */
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Mode } from '../gate/check.ts';
import type { Answer, ExplainJob, VerifyJob } from '../gate/jobs/job.ts';
import { Pool } from '../gate/jobs/pool.ts';
import { type DoJobs, type Matrix, type MatrixRow, makeMatrix } from '../gate/matrix/matrix.ts';
import { matrixText } from '../gate/matrix/matrix-text.ts';
import type { ObjectFormats } from '../verifier/load-options.ts';
import { ExitCode } from './exit-code.ts';
import type { NamedKernel } from './kernel-option.ts';
import { Progress } from './progress.ts';

/** Milliseconds that one program may take. */
const LIMIT = 120_000;

export interface MatrixOptions {
  readonly kernels: readonly NamedKernel[];
  readonly programs: readonly string[] | null;
  readonly targets: readonly string[];
  readonly mode: Mode;
  readonly series: boolean;
  readonly formats: ObjectFormats;
  readonly json: boolean;
  readonly onlyDifferent: boolean;
}

export async function verifyMatrix(files: readonly string[], options: MatrixOptions): Promise<ExitCode> {
  const objects = files.map((file) => ({
    path: resolve(file),
    file,
    series: options.series,
    formats: options.formats,
    variant: '',
    globals: {},
    kconfig: {},
    targets: options.targets.map((target) => resolve(target)),
  }));
  const { kernels, programs, mode } = options;
  const pool = new Pool({ size: availableParallelism(), limit: LIMIT });
  pool.warm();
  const progress = new Progress();
  try {
    const matrix = await makeMatrix({ objects, kernels, programs, mode }, jobsIn(pool, progress));
    progress.end();
    process.stdout.write(options.json ? matrixJson(matrix) : matrixText(matrix, options));
    return exitCode(matrix);
  } finally {
    await pool.stop();
    progress.end();
  }
}

function jobsIn(pool: Pool, progress: Progress): DoJobs {
  return async (jobs, what) => {
    const answers = new Map<VerifyJob | ExplainJob, Answer>();
    progress.show(0, jobs.length, `objects ${what}`);
    await pool.run(jobs, (job, answer) => {
      answers.set(job, answer);
      progress.show(answers.size, jobs.length, `objects ${what}`);
    });
    return jobs.flatMap((job) => answers.get(job) ?? []);
  };
}

function matrixJson({ rows, failures }: Matrix): string {
  const records = [
    ...rows.flatMap(rowRecords),
    ...failures.map((failure) => ({ object: failure.file, kernel: failure.kernel, error: failure.reason })),
  ];
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

/** Named as in the records of one kernel. */
function rowRecords({ file, program, section, mode, cells, difference }: MatrixRow) {
  return cells.map(({ kernel, verdict, errno, message, insn, source, stats }) => ({
    object: file,
    program,
    section,
    kernel,
    mode,
    verdict,
    errno,
    message,
    insn,
    source,
    stats: stats && {
      insns_processed: stats.insns,
      max_states_per_insn: stats.maxStatesPerInsn,
      total_states: stats.states,
      peak_states: stats.peakStates,
      mark_read: stats.markRead,
      stack: stats.stack,
    },
    difference: difference ?? null,
  }));
}

function exitCode({ rows, failures }: Matrix): ExitCode {
  if (failures.some(({ isCrash }) => isCrash)) return ExitCode.Bug;
  const allAccepted = rows.every(({ cells }) => cells.every(({ verdict }) => verdict === 'accepted'));
  return allAccepted && failures.length === 0 ? ExitCode.Ok : ExitCode.Failed;
}
