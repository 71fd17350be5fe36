/**
 * Part: the logs that Linux wrote of the recorded loads. Of every load that processes no more than 40,000
 * instructions there is one of level 2|4 (of a long one the first 3 MiB and the last one); of those that fail, or
 * whose test asks for a log, the one that the test got, mostly of level 1.
 */
import { LogLevel } from '../../verifier/types.ts';
import { loadName, type RecordedLoad } from './archive.ts';
import { type Context, wantedLoads } from './context.ts';
import { IsolatedVerifier } from './isolated-verifier.ts';
import type { Answer } from './job.ts';
import { atLeast, type Line } from './line.ts';
import { type RecordedLog, readLogs } from './log-archive.ts';
import { logDifference } from './log-difference.ts';
import { recordedRequest } from './recorded-request.ts';

const PROGRESS_EVERY = 1000;

interface Score {
  good: number;
  total: number;
}

/** Every load has its place in one of these. */
const FULL = 'log';
const AS_LOADED = 'log as loaded';

export async function logs(context: Context): Promise<Line[]> {
  const loads = new Map(wantedLoads(context).map((load) => [loadName(load), load]));
  const verifier = new IsolatedVerifier({ wasm: context.wasm, recorded: context.recorded });
  const card = new LogCard();
  for await (const recorded of readLogs(context.recorded)) {
    const load = loads.get(recorded.load);
    if (load === undefined) continue;
    card.add(load, recorded, await difference(verifier, context, load, recorded));
    if (card.logs % PROGRESS_EVERY === 0) context.progress(`${card.logs} recorded logs`);
  }
  await verifier.close();
  context.failed('log', card.failures[FULL]);
  context.failed('log-as-loaded', card.failures[AS_LOADED]);
  return card.lines();
}

async function difference(
  verifier: IsolatedVerifier,
  { archive }: Context,
  load: RecordedLoad,
  recorded: RecordedLog,
): Promise<string | undefined> {
  const request = { ...recordedRequest(load, archive.blobs), logLevel: recorded.level };
  const end = await verifier.run({ kind: 'request', request });
  if (end.kind !== 'verdict') return `${end.kind}: ${end.reason}`;
  const { log, logLength } = end.verdict;
  let start = log;
  if (recorded.tail !== undefined && logLength > log.length) {
    const fixed = { ...request, logLevel: recorded.level | LogLevel.Fixed };
    start = logOf(await verifier.run({ kind: 'request', request: fixed }));
  }
  return logDifference(recorded, { end: end.verdict, start }, request.insns);
}

function logOf(answer: Answer): string {
  return answer.kind === 'verdict' ? answer.verdict.log : '';
}

class LogCard {
  /** What differs, by load. */
  readonly failures = { [FULL]: new Map<string, string>(), [AS_LOADED]: new Map<string, string>() };
  logs = 0;
  private readonly scores = new Map<string, Score>();

  add(load: RecordedLoad, { level }: RecordedLog, found: string | undefined): void {
    this.logs++;
    const full = level === (LogLevel.Full | LogLevel.Stats);
    const kind = full ? FULL : AS_LOADED;
    const key = full
      ? `${load.set} ${load.mode} log`
      : `${load.set} ${load.mode} log as loaded, level ${level}`;
    const score = this.scores.get(key) ?? { good: 0, total: 0 };
    this.scores.set(key, score);
    score.total++;
    if (found === undefined) score.good++;
    else this.failures[kind].set(loadName(load), found);
  }

  lines(): Line[] {
    const sets = [...this.scores].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      this.total('verifier_* loads, level 2 log', /^verifier \w+ log$/, 98),
      this.total('all loads, level 2 log', / log$/, 92),
      this.total('all loads, log as loaded', /as loaded/, 92),
      ...sets.map(([name, score]) => ({ name, ...score })),
    ];
  }

  private total(name: string, keys: RegExp, percent: number): Line {
    const sum = { good: 0, total: 0 };
    for (const [key, { good, total }] of this.scores) {
      if (!keys.test(key)) continue;
      sum.good += good;
      sum.total += total;
    }
    return { name, ...sum, needs: atLeast(percent, sum.total) };
  }
}
