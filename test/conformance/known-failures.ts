/**
 * Lists of loads that are known to differ from a Linux, a file for each kind of difference:
 * "object/program/mode: reason" a line. A list may only shrink: `--update` takes lines out and never adds one.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What differs. "verdict": accepted or not, and errno; "messages": those that the selftest expects; "insns", "states"
 * and "stack": statistics; "log": that of level 2|4; "log-as-loaded": of the level at which the selftest loads; "source"
 * and "source-log": all but logs, and logs, of loads made from objects; "loader": what comes out of the loader; "builds":
 * verdicts on other builds of the bundled programs, by "build/object/program/priv".
 */
export type FailureKind = Statistic | 'log' | 'log-as-loaded' | 'source' | 'source-log' | 'loader' | 'builds';
type Statistic = 'verdict' | 'messages' | 'insns' | 'states' | 'stack';

/** Failures of one run: load -> what happened. */
export type Failures = ReadonlyMap<string, string>;

export interface Comparison {
  kind: FailureKind;
  known: number;
  /** Failures that are not in the list, with what happened. */
  fresh: string[];
  /** Names in the list that no longer fail. */
  gone: string[];
}

export class KnownFailures {
  private readonly prefix: string;

  constructor(folder: string, kernel = '6.12') {
    this.prefix = join(folder, `known-failures-${kernel}`);
  }

  compare(kind: FailureKind, failures: Failures): Comparison {
    const known = new Map(this.entries(kind));
    const fresh = [...failures]
      .filter(([name]) => !known.has(name))
      .map(([name, what]) => `${name}: ${what}`);
    const gone = [...known.keys()].filter((name) => !failures.has(name));
    return { kind, known: known.size, fresh, gone };
  }

  /** Takes out what no longer fails. */
  shrink({ kind, gone }: Comparison): void {
    if (gone.length === 0) return;
    const kept = this.lines(kind).filter((line) => !gone.includes(parse(line)?.[0] ?? ''));
    writeFileSync(this.path(kind), kept.join('\n'));
  }

  private path(kind: FailureKind): string {
    return `${this.prefix}${kind === 'verdict' ? '' : `-${kind}`}.txt`;
  }

  private lines(kind: FailureKind): string[] {
    return existsSync(this.path(kind)) ? readFileSync(this.path(kind), 'utf8').split('\n') : [];
  }

  private entries(kind: FailureKind): [string, string][] {
    const entries = this.lines(kind).map(parse);
    return entries.filter((entry) => entry !== undefined);
  }
}

/** Name and reason of a line; undefined for a comment or an empty line. @throws {Error} without a reason. */
function parse(line: string): [string, string] | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const match = /^(\S+\/\S+\/(?:priv|unpriv)): (.+)$/.exec(line);
  if (!match) throw new Error(`not "object/program/mode: reason": ${line}`);
  return [match[1] as string, match[2] as string];
}
