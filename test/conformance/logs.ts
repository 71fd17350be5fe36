/**
 * Part: the logs that Linux wrote of the recorded loads. There is one of level 2|4 of every load but the very
 * largest (of a long one the first 3 MiB and the last one); of those that fail, or whose test asks for a log, also
 * the one that the test got, mostly of level 1.
 */
import { LogLevel } from '../../verifier/types.ts';
import { loadName, type RecordedLoad } from './archive.ts';
import { type Context, wantedLoads } from './context.ts';
import { IsolatedVerifier } from './isolated-verifier.ts';
import type { Job } from './job.ts';
import type { Line } from './line.ts';
import { type RecordedLog, readLogs } from './log-archive.ts';
import { LogCard } from './log-card.ts';
import { logDifference } from './log-difference.ts';
import { recordedRequest } from './recorded-request.ts';

const PROGRESS_EVERY = 1000;

/** What a verifier is asked to get the log of a load at a level. */
export type LogJob = (load: RecordedLoad, level: number) => Job;

export async function logs(context: Context): Promise<Line[]> {
  const { archive, wasm, recorded } = context;
  const verifier = new IsolatedVerifier({ wasm, recorded });
  const card = await scoreLogs(context, verifier, (load, logLevel) => ({
    kind: 'request',
    request: { ...recordedRequest(load, archive.blobs), logLevel },
  }));
  await verifier.close();
  context.failed('log', card.failures.full);
  context.failed('log-as-loaded', card.failures.asLoaded);
  return card.lines('');
}

export async function scoreLogs(
  context: Context,
  verifier: IsolatedVerifier,
  jobOf: LogJob,
): Promise<LogCard> {
  const loads = new Map(wantedLoads(context).map((load) => [loadName(load), load]));
  const card = new LogCard();
  for await (const log of readLogs(context.recorded)) {
    const load = loads.get(log.load);
    if (load === undefined) continue;
    const insns = context.archive.blobs[load.insns] ?? new Uint8Array();
    card.add(load, log.level, await difference(verifier, (level) => jobOf(load, level), log, insns));
    if (card.logs % PROGRESS_EVERY === 0) context.progress(`${card.logs} logs`);
  }
  return card;
}

async function difference(
  verifier: IsolatedVerifier,
  jobOf: (level: number) => Job,
  recorded: RecordedLog,
  insns: Uint8Array,
): Promise<string | undefined> {
  const end = await verifier.run(jobOf(recorded.level));
  if (end.kind !== 'verdict') return `${end.kind}: ${end.reason}`;
  let start = end.verdict.log;
  if (recorded.tail !== undefined && end.verdict.logLength > start.length) {
    // Of what does not fit the buffer the end was kept: the beginning has to be asked for.
    const head = await verifier.run(jobOf(recorded.level | LogLevel.Fixed));
    start = head.kind === 'verdict' ? head.verdict.log : '';
  }
  return logDifference(recorded, { end: end.verdict, start }, insns);
}
