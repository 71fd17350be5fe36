/** What is wrong with a program's verdict and its numbers. */
import { errnoName } from '../../bpf/errno-name.ts';
import type { Before, CheckStats, Finding, Rule, SourcePlace, VerifyResult } from '../check.ts';
import type { Budget, Expectation, Growth, GrowthLimit } from '../config/config.ts';
import { messagePattern } from '../config/parse.ts';

const COUNTED = ['insns', 'states', 'stack'] as const;
const UNITS = { insns: 'instructions processed', states: 'states', stack: 'bytes of stack' } as const;

/** A finding that nothing allows yet. */
export function finding(rule: Rule, message: string, source: SourcePlace | null = null): Finding {
  return { rule, message, details: [], source, allowed: null };
}

export interface Wanted {
  readonly expectation: Expectation | undefined;
  readonly budget: Budget;
  readonly growth: GrowthLimit;
  readonly before: Before | null;
}

export function judgeProgram(
  result: VerifyResult,
  { expectation, budget, growth, before }: Wanted,
): Finding[] {
  const wrong = judgeVerdict(result, expectation);
  if (wrong.length > 0) return wrong;
  const { stats, source } = result;
  // What has not been followed to its end has no numbers that say anything.
  if (!stats || result.verdict !== 'accepted') return [];
  const over = overBudget(stats, budget).map((message) => finding('budget', message, source));
  const grown = before
    ? hasGrown(stats, before, growth).map((message) => finding('growth', message, source))
    : [];
  return [...over, ...grown];
}

function judgeVerdict(result: VerifyResult, expectation: Expectation | undefined): Finding[] {
  const { verdict, source } = result;
  const wanted = expectation?.verdict ?? 'accepted';
  if (verdict === wanted) return expectation ? judgeReason(result, expectation) : [];
  if (verdict === 'accepted') return [finding('accepted', `is accepted, and has to be ${wanted}`, source)];
  const how = verdict === 'rejected' ? `is rejected (${errnoName(result.errno)})` : 'is not loaded';
  return [finding('rejected', `${how}: ${result.message}`, source)];
}

function judgeReason({ errno, message, source }: VerifyResult, wanted: Expectation): Finding[] {
  const name = errnoName(errno);
  if (wanted.errno !== undefined && wanted.errno !== name)
    return [finding('wrong-reason', `fails with ${name} instead of ${wanted.errno}: ${message}`, source)];
  if (wanted.message !== undefined && !messagePattern(wanted.message)(message))
    return [finding('wrong-reason', `says "${message}", which is not ${wanted.message}`, source)];
  return [];
}

function overBudget(stats: CheckStats, budget: Budget): string[] {
  return COUNTED.flatMap((what) => {
    const most = budget[what];
    return most !== undefined && stats[what] > most
      ? [`takes ${stats[what]} ${UNITS[what]}, ${stats[what] - most} over the budget of ${most}`]
      : [];
  });
}

function hasGrown(stats: CheckStats, before: Before, limits: GrowthLimit): string[] {
  return COUNTED.flatMap((what) => {
    const limit = limits[what];
    if (limit === undefined || stats[what] <= mostOf(before[what], limit)) return [];
    const grown = stats[what] - before[what];
    const percent = before[what] === 0 ? '' : ` (+${((100 * grown) / before[what]).toFixed(1)}%)`;
    return [
      `takes ${stats[what]} ${UNITS[what]}, ${grown}${percent} more than the baseline's ${before[what]}; at most ${limit} may be added`,
    ];
  });
}

function mostOf(before: number, limit: Growth): number {
  return typeof limit === 'number' ? before + limit : before * (1 + Number.parseFloat(limit) / 100);
}
