/** Compares our answers with those of the kernel. */
import type { Verifier } from '../../verifier/index.ts';
import { type Answer, answersOf, type Mode } from './answer.ts';
import { readRecorded } from './recorded.ts';
import { fingerprint, suite } from './suite.ts';

/** What is compared; `verdict` is the verdict together with the errno. */
export const ASPECTS = ['verdict', 'message', 'insns', 'states', 'path'] as const;
export type Aspect = (typeof ASPECTS)[number];

export interface Disagreement {
  object: string;
  seed: number;
  mode: Mode;
  aspects: readonly Aspect[];
  ours: Answer;
  theirs: Answer;
}

/** How often we agree with the kernel. */
export class Score {
  /** Loads that agree, by aspect. */
  readonly agree: Record<Aspect, number> = { verdict: 0, message: 0, insns: 0, states: 0, path: 0 };
  readonly disagreements: Disagreement[] = [];
  total = 0;
  /** Of the total, loads that the kernel accepted. */
  accepted = 0;
  /** Loads without an answer of the kernel. */
  unanswered = 0;

  /** Adds the answers to the programs of one object. */
  add(object: string, ours: readonly Answer[], theirs: readonly Answer[]): void {
    for (const mine of ours) {
      const other = theirs.find(({ seed, mode }) => seed === mine.seed && mode === mine.mode);
      if (!other) {
        this.unanswered++;
        continue;
      }
      this.total++;
      if (other.errno === 0) this.accepted++;
      const aspects = differences(mine, other);
      for (const aspect of ASPECTS) if (!aspects.includes(aspect)) this.agree[aspect]++;
      if (aspects.length === 0) continue;
      this.disagreements.push({
        object,
        seed: mine.seed,
        mode: mine.mode,
        aspects,
        ours: mine,
        theirs: other,
      });
    }
  }
}

function differences(mine: Answer, other: Answer): Aspect[] {
  // Where libbpf gives up its words are its own; what is refused before the verifier has no log.
  const loaded = mine.errno >= 0 && other.errno >= 0;
  const silent = other.errno > 0 && other.message === '';
  const same: Record<Aspect, boolean> = {
    verdict: mine.errno === other.errno,
    message: !loaded || silent || mine.message === other.message,
    insns: mine.stats[0] === other.stats[0],
    states: mine.stats.slice(1).join() === other.stats.slice(1).join(),
    path: mine.path === other.path,
  };
  return ASPECTS.filter((aspect) => !same[aspect]);
}

/** A disagreement in three lines. */
export function describe({ object, seed, mode, aspects, ours, theirs }: Disagreement): string {
  return [
    `${object}.o, seed ${seed}, ${mode}: ${aspects.join(', ')}`,
    `  ours:  ${answerText(ours)}`,
    `  Linux: ${answerText(theirs)}`,
  ].join('\n');
}

function answerText({ errno, stats, message }: Answer): string {
  const verdict = errno === 0 ? 'accepted' : `errno ${errno}: ${message}`;
  return `${verdict} (insns, states, mark_read: ${stats.join(' ')})`;
}

export interface DifferentialScore {
  /** Loads with the same verdict and errno. */
  agree: number;
  total: number;
  /** Those without, each with what it takes to repeat it. */
  disagreements: string[];
  /** The finer counts. */
  detail: Score;
}

/**
 * Scores the recorded suite.
 * @param root of the package.
 * @throws when the generator makes other objects than those that were recorded.
 */
export function scoreDifferential(verifier: Verifier, root: string): DifferentialScore {
  const recorded = readRecorded(root);
  const detail = new Score();
  for (const object of suite()) {
    const known = recorded.get(object.name);
    if (known?.fingerprint !== fingerprint(object.bytes)) {
      throw new Error(`${object.name}.o is not what was recorded: the generator has changed; record it anew`);
    }
    detail.add(object.name, answersOf(verifier, object), known.answers);
  }
  const wrong = detail.disagreements.filter(({ aspects }) => aspects.includes('verdict'));
  return {
    agree: detail.agree.verdict,
    total: detail.total,
    disagreements: wrong.map(describe),
    detail,
  };
}
