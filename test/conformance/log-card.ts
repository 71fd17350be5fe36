/** Collects how logs compare with those of Linux, and makes the lines of the summary of it. */
import { LogLevel } from '../../verifier/types.ts';
import { loadName, type RecordedLoad } from './archive.ts';
import { atLeast, type Line } from './line.ts';
import type { RecordedLog } from './log-archive.ts';

interface Score {
  good: number;
  total: number;
}

const FULL_AND_STATS = LogLevel.Full | LogLevel.Stats;

export class LogCard {
  logs = 0;
  /** What differs, by load. */
  readonly failures = { byKernel: new Map<string, string>(), byLoader: new Map<string, string>() };
  private readonly scores = new Map<string, Score>();

  /** @param difference undefined when the logs are the same. */
  add(load: RecordedLoad, log: RecordedLog, difference: string | undefined): void {
    this.logs++;
    const score = this.score(`${load.set} ${load.mode} ${kindOf(log)}`);
    score.total++;
    if (difference === undefined) score.good++;
    else (log.byLoader ? this.failures.byLoader : this.failures.byKernel).set(loadName(load), difference);
  }

  /** What is required, then one line for each set, mode and level. */
  lines(prefix: string): Line[] {
    const sets = [...this.scores].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      this.total(`${prefix}verifier_* loads, log`, /^verifier \w+ log$/, 98),
      this.total(`${prefix}all loads, log`, / log$/, 92),
      this.total(`${prefix}all loads, log of level 1`, / log of level 1$/, 92),
      this.total(`${prefix}all loads, log of level 4`, / log of level 4$/, 92),
      this.total(`${prefix}all loads, log as loaded`, / log as loaded/, 92),
      ...sets.map(([name, score]) => ({ name: `${prefix}${name}`, ...score })),
    ];
  }

  private score(key: string): Score {
    const known = this.scores.get(key);
    if (known) return known;
    const score = { good: 0, total: 0 };
    this.scores.set(key, score);
    return score;
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

function kindOf({ level, byLoader }: RecordedLog): string {
  if (byLoader) return `log as loaded, level ${level}`;
  return level === FULL_AND_STATS ? 'log' : `log of level ${level}`;
}
