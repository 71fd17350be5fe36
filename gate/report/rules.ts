/** What each rule is about, for readers who meet it in a report. */
import type { Rule } from '../check.ts';

export interface RuleText {
  /** What has happened, a sentence without its full stop. */
  readonly summary: string;
  /** What to do about it. */
  readonly help: string;
}

export const RULES: { readonly [R in Rule]: RuleText } = {
  unloadable: {
    summary: 'An object, a scene or an expected file cannot be used',
    help: 'The message says what is wrong with the file. Build it again, or mend its path in the configuration.',
  },
  rejected: {
    summary: 'The verifier rejects a program',
    help: 'No kernel of this version would load it. The details show how the verifier came to where it stopped.',
  },
  accepted: {
    summary: 'The verifier accepts a program that it should reject',
    help: 'If that is right now, expect it to be accepted; otherwise what the program was to prove is proved no more.',
  },
  'wrong-reason': {
    summary: 'A program is rejected, but for another reason than expected',
    help: 'Compare both messages: the program fails before it gets to what it was written for.',
  },
  budget: {
    summary: 'A program is over its budget',
    help: 'Make the program cheaper to verify, or raise its budget in the configuration.',
  },
  growth: {
    summary: 'A program has grown by more than it may since the baseline',
    help: 'Look for what made it grow; when the growth is wanted, record a new baseline.',
  },
  missing: {
    summary: 'The baseline has a program that is there no more',
    help: 'When it was removed or renamed on purpose, record a new baseline.',
  },
  output: {
    summary: 'A run gives another output, return value or failure than expected',
    help: 'The details show the difference. When the new one is right, write it to the expected file.',
  },
  checkpoint: {
    summary: 'A checkpoint does not come back as it was',
    help: 'The details name what differs after the restore.',
  },
  expired: {
    summary: 'An allowance is over, while what it allowed still fails',
    help: 'Mend what was allowed, or give the allowance a later day and a reason for it.',
  },
  unused: {
    summary: 'Something allowed or expected matches nothing',
    help: 'Take the entry out of the configuration, or mend its pattern.',
  },
  crash: {
    summary: 'Drydock itself has failed: a bug',
    help: 'Please report it with the details and, where possible, the object.',
  },
};

export const RULE_NAMES = Object.keys(RULES) as readonly Rule[];
