/** Kernels that can be asked whether they have what an object needs. */
import type { Need, Use } from './need.ts';
import type { ObjectNeeds } from './object-needs.ts';
import { compareReleases, type Release } from './release.ts';

/**
 * 'exists': the kernel has it, and its profile does not tell whether this program may use it. 'unknown': nothing that
 * is at hand tells.
 */
export type Has = 'yes' | 'exists' | 'no' | 'unknown';

export interface Answer {
  readonly has: Has;
  /** Why, or where. */
  readonly note?: string;
}

export const YES: Answer = { has: 'yes' };
export const UNKNOWN: Answer = { has: 'unknown' };

export interface Kernel {
  readonly name: string;
  /** Prepares the kernel for the questions of one object. */
  ask(object: ObjectNeeds): Questions;
}

export interface Questions {
  answer(need: Need, use: Use): Answer;
}

/** By the tables of first releases. */
export function byRelease(since: Release | undefined, release: Release): Answer {
  if (since === undefined) return UNKNOWN;
  return compareReleases(since, release) <= 0 ? YES : { has: 'no', note: `since ${since}` };
}

/** A mainline release that there is no profile of: only the tables of first releases speak. */
export class ReleaseKernel implements Kernel {
  readonly name: Release;

  constructor(release: Release) {
    this.name = release;
  }

  ask(): Questions {
    return { answer: (need) => this.answer(need) };
  }

  private answer({ subject, since }: Need): Answer {
    const answer = byRelease(since, this.name);
    const mayBeBarred =
      subject.kind === 'helper' || subject.kind === 'program-type' || subject.kind === 'map-type';
    return answer.has === 'yes' && mayBeBarred ? { has: 'exists' } : answer;
  }
}
