/** Collects how loads compare with Linux, and makes the lines of the summary of it. */
import type { RecordedLoad } from './archive.ts';
import { loadName } from './archive.ts';
import type { Answer } from './job.ts';
import { describe, type Judgement, judge } from './judge.ts';
import { atLeast, type Line, withoutLine } from './line.ts';

/** Linear memory a load may need. */
const MEMORY_LIMIT = 512 << 20;
const MIB = 1 << 20;
/** Loads that Linux rejects and that may be accepted all the same. */
const FALSE_ACCEPTS = 5;

/** Scores of one set in one mode, "verifier priv". */
interface Score {
  good: number;
  total: number;
}

/** A program with the most of something. */
interface Record {
  name: string;
  value: number;
}

export type Aspect = keyof Judgement;

export class Scorecard {
  /** What differs, by kind, load and reason. */
  readonly failures: { [Kind in Aspect]: Map<string, string> } = {
    verdict: new Map(),
    messages: new Map(),
    insns: new Map(),
    states: new Map(),
    stack: new Map(),
  };
  loads = 0;
  private readonly scores = new Map<string, Score>();
  private readonly crashes: string[] = [];
  private readonly hangs: string[] = [];
  private readonly tooLarge: string[] = [];
  private readonly falseAccepts: string[] = [];
  private rejected = 0;
  private largest: Record = { name: '-', value: 0 };
  private slowest: Record = { name: '-', value: 0 };

  /** Judges one answer. */
  add(load: RecordedLoad, answer: Answer): Judgement {
    const name = loadName(load);
    const verdict = answer.kind === 'verdict' ? answer.verdict : undefined;
    this.loads++;
    this.note(load, name, answer);
    const judgement = judge(load, verdict);
    const what =
      answer.kind === 'verdict' ? describe(load, answer.verdict) : `${answer.kind}: ${answer.reason}`;
    for (const [aspect, agrees] of Object.entries(judgement) as [Aspect, boolean][]) {
      const score = this.score(load, aspect);
      score.total++;
      if (agrees) score.good++;
      else this.fail(aspect, name, `${difference(aspect, load)}${what}`);
    }
    return judgement;
  }

  /** One line for each set, mode and aspect. */
  setLines(prefix: string): Line[] {
    return [...this.scores]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, { good, total }]) => ({ name: `${prefix}${name}`, good, total }));
  }

  /** The sum over the sets that `keys` matches ("verifier priv verdict"), and the least it has to be. */
  total(name: string, keys: RegExp, needs: { count: number } | { percent: number }): Line {
    const sum = { good: 0, total: 0 };
    for (const [key, score] of this.scores) {
      if (!keys.test(key)) continue;
      sum.good += score.good;
      sum.total += score.total;
    }
    return { name, ...sum, needs: 'count' in needs ? needs.count : atLeast(needs.percent, sum.total) };
  }

  /** What must not happen to any program. */
  safetyLines(prefix: string): Line[] {
    const memory = withoutLine(`${prefix}within 512 MiB`, this.loads, this.tooLarge);
    const largest = `largest: ${this.largest.name}, ${(this.largest.value / MIB).toFixed(0)} MiB`;
    const hang = withoutLine(`${prefix}no hang`, this.loads, this.hangs);
    const slowest = `slowest: ${this.slowest.name}, ${(this.slowest.value / 1000).toFixed(1)} s`;
    return [
      withoutLine(`${prefix}no crash`, this.loads, this.crashes),
      { ...hang, notes: [...this.hangs, slowest] },
      { ...memory, notes: [...this.tooLarge, largest] },
      withoutLine(`${prefix}rejected as Linux rejects`, this.rejected, this.falseAccepts, FALSE_ACCEPTS),
    ];
  }

  private note(load: RecordedLoad, name: string, answer: Answer): void {
    if (load.errno !== 0) this.rejected++;
    if (answer.kind === 'crash') this.crashes.push(`${name}: ${answer.reason}`);
    if (answer.kind === 'hang') this.hangs.push(`${name}: ${answer.reason}`);
    if (answer.kind !== 'verdict') return;
    const { verdict, memoryBytes, milliseconds } = answer;
    if (load.errno !== 0 && verdict.accepted) this.falseAccepts.push(`accepted: ${name}`);
    // Memory never shrinks: it is this program that needed it if it has grown.
    if (memoryBytes > this.largest.value) {
      this.largest = { name, value: memoryBytes };
      if (memoryBytes > MEMORY_LIMIT) this.tooLarge.push(`${name}: ${memoryBytes} bytes`);
    }
    if (milliseconds > this.slowest.value) this.slowest = { name, value: milliseconds };
  }

  private score(load: RecordedLoad, aspect: Aspect): Score {
    const key = `${load.set} ${load.mode} ${aspect}`;
    const known = this.scores.get(key);
    if (known) return known;
    const score = { good: 0, total: 0 };
    this.scores.set(key, score);
    return score;
  }

  private fail(aspect: Aspect, name: string, what: string): void {
    this.failures[aspect].set(name, what);
  }
}

/** What Linux has that the verdict's own text does not tell. */
function difference(aspect: Aspect, { messages, stats }: RecordedLoad): string {
  if (aspect === 'messages') return `expected ${JSON.stringify(messages)}; `;
  return aspect === 'verdict' ? '' : `${aspect}, Linux: ${stats?.join(' ')}; `;
}
