/**
 * Part: the logs that Linux wrote of the recorded loads, at level 2|4 (of a long one the first 3 MiB and the last
 * one), at level 1 and at level 4; of those that fail, or whose test asks for a log, also the one that the test got
 * from libbpf.
 */
import { LogLevel } from '../../verifier/types.ts';
import { loadName, type RecordedLoad } from './archive.ts';
import { type Context, wantedLoads } from './context.ts';
import { IsolatedVerifier } from './isolated-verifier.ts';
import type { Answer, Job } from './job.ts';
import type { Line } from './line.ts';
import { type RecordedLog, readLogs } from './log-archive.ts';
import { LogCard } from './log-card.ts';
import { logDifference } from './log-difference.ts';
import { recordedRequest } from './recorded-request.ts';

const PROGRESS_EVERY = 1000;

/**
 * What a verifier is asked to get a log of a load; undefined for one that is not looked at.
 * @param level that of the log, and maybe `LogLevel.Fixed`
 */
export type LogJob = (load: RecordedLoad, log: RecordedLog, level: number) => Job | undefined;

export async function logs(context: Context): Promise<Line[]> {
  const { archive, wasm, recorded } = context;
  const verifier = new IsolatedVerifier({ wasm, recorded });
  const card = await scoreLogs(context, verifier, (load, _, logLevel) => ({
    kind: 'request',
    request: { ...recordedRequest(load, archive.blobs), logLevel },
  }));
  await verifier.close();
  context.failed('log', card.failures.byKernel);
  context.failed('log-as-loaded', card.failures.byLoader);
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
    const verify = async (level: number) => {
      const job = jobOf(load, log, level);
      return job && (await verifier.run(job));
    };
    const end = await verify(log.level);
    if (end === undefined) continue;
    const insns = context.archive.blobs[load.insns] ?? new Uint8Array();
    card.add(load, log, await difference(log, insns, end, verify));
    if (card.logs % PROGRESS_EVERY === 0) context.progress(`${card.logs} logs`);
  }
  return card;
}

/** @param end answer that has the end of the log. */
async function difference(
  recorded: RecordedLog,
  insns: Uint8Array,
  end: Answer,
  verify: (level: number) => Promise<Answer | undefined>,
): Promise<string | undefined> {
  if (end.kind !== 'verdict') return `${end.kind}: ${end.reason}`;
  let start = end.verdict.log;
  if (recorded.tail !== undefined && end.verdict.logLength > start.length) {
    // Of what does not fit the buffer the end was kept: the beginning has to be asked for.
    const head = await verify(recorded.level | LogLevel.Fixed);
    start = head?.kind === 'verdict' ? head.verdict.log : '';
  }
  return logDifference(recorded, { end: end.verdict, start }, insns);
}
