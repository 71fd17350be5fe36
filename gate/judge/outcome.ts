/** What is wrong with a run or a checkpoint. */
import { createTwoFilesPatch } from 'diff';
import type { Finding } from '../check.ts';
import type { CheckpointSpec, RunSpec } from '../config/config.ts';
import type { CheckpointAnswer, RunAnswer } from '../jobs/job.ts';
import { finding } from './verdict.ts';

/** Lines of a difference that are shown. */
const MOST_LINES = 60;

/** @param expected what a reader has to get; undefined when that is not asked for. */
export function judgeRun(answer: RunAnswer, spec: RunSpec, expected: string | undefined): Finding[] {
  const { failure } = answer;
  if (spec.fails !== undefined) {
    if (failure === null) return [finding('output', `succeeds, and has to fail with "${spec.fails}"`)];
    if (!failure.includes(spec.fails))
      return [finding('output', `fails with "${failure}" instead of "${spec.fails}"`)];
  } else if (failure !== null) return [finding('output', `fails: ${failure}`)];
  return [...judgeRetval(answer, spec), ...judgeOutput(answer, expected)];
}

function judgeRetval({ retvals }: RunAnswer, { retval }: RunSpec): Finding[] {
  const other = retval === undefined ? undefined : retvals.find((value) => value !== retval);
  return other === undefined ? [] : [finding('output', `returns ${other} instead of ${retval}`)];
}

function judgeOutput({ output }: RunAnswer, expected: string | undefined): Finding[] {
  if (expected === undefined || output === expected) return [];
  const patch = createTwoFilesPatch('expected', 'output', expected, output, undefined, undefined, {
    context: 2,
  });
  const lines = patch.split('\n').slice(1);
  const details = lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), '...'] : lines;
  return [{ ...finding('output', 'gives another output than expected'), details }];
}

export function judgeCheckpoint(
  { refusals, differences }: CheckpointAnswer,
  spec: CheckpointSpec,
): Finding[] {
  const texts = refusals.map(({ item, text }) => (item === null ? text : `item ${item}: ${text}`));
  const { refused } = spec;
  if (refused === undefined) {
    if (refusals.length > 0)
      return [{ ...finding('checkpoint', 'cannot be restored, and is refused'), details: texts }];
    if (differences.length === 0) return [];
    return [{ ...finding('checkpoint', 'is another one after a restore'), details: differences }];
  }
  const missing = refused.filter((wanted) => !refusals.some(({ item }) => item === wanted));
  const others = refusals.filter(({ item }) => item === null || !refused.includes(item));
  if (missing.length > 0)
    return [{ ...finding('checkpoint', `is not refused for item ${missing.join(', ')}`), details: texts }];
  if (others.length === 0) return [];
  return [{ ...finding('checkpoint', 'is refused for more than expected'), details: texts }];
}
