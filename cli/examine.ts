/** Verifies one program of a loaded object, for a report. */
import type { Verifier } from '../verifier/index.ts';
import { programRequest } from '../verifier/program-request.ts';
import type { Report, ReportOptions } from './verify-report.ts';

/** All capabilities. */
const ROOT = 15;
/** Statistics: the level at which the reason is written but not the path. */
const STATS = 4;

export type Subject = Pick<Report, 'path' | 'object' | 'program'>;

/** The verdict is undefined when the loader refused the program. */
export function examine(
  verifier: Verifier,
  subject: Subject,
  { unpriv = false, log = 0 }: Partial<Pick<ReportOptions, 'unpriv' | 'log'>> = {},
): Report {
  const { object, program } = subject;
  if (program.error !== undefined || !program.prepared) return { ...subject, verdict: undefined };
  const request = programRequest(object, program, { caps: unpriv ? 0 : ROOT, logLevel: STATS | log });
  return { ...subject, verdict: verifier.verify(request) };
}
