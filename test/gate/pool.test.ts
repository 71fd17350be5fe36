/** Workers that crash and hang: the others' answers are not lost. Needs `npm run build`. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Answer, VerifyJob } from '../../gate/jobs/job.ts';
import { packageRoot } from '../package-root.ts';

type PoolModule = typeof import('../../gate/jobs/pool.ts');
const { Pool } = (await import(`${packageRoot()}/dist/gate/jobs/pool.js`)) as PoolModule;
const SCRIPT = new URL('./bad-worker.mjs', import.meta.url);

/** The worker reads what it shall do off the name. @param programs each "ok", "crash", "hang" or "exit" */
function job(...programs: string[]): VerifyJob {
  const object = { path: '', file: programs.join(' '), kernel: '6.12', series: false, variant: '' };
  return {
    kind: 'verify',
    object: { ...object, globals: {}, kconfig: {}, targets: [] },
    programs: null,
    unprivileged: [],
  };
}

let pool: InstanceType<typeof Pool> | undefined;
afterEach(() => pool?.stop());

async function answersOf(size: number, jobs: readonly VerifyJob[]): Promise<Answer[]> {
  pool = new Pool({ size, limit: 300, script: SCRIPT });
  const answers = new Map<VerifyJob, Answer>();
  await pool.run(jobs, (each, answer) => answers.set(each, answer));
  return jobs.map((each) => answers.get(each) as Answer);
}

function outcomes(answer: Answer | undefined): string[] {
  if (answer?.kind !== 'verify') return [answer?.kind ?? 'none'];
  return answer.programs.map(({ program, crash }) => `${program} ${crash === null ? 'verified' : 'crashed'}`);
}

describe.each([1, 2, 5])('%i workers', (size) => {
  it.each(['crash', 'exit', 'hang'])('go on after a program that makes them %s', async (way) => {
    const [first, second] = await answersOf(size, [job('ok', way, 'ok', 'ok'), job('ok')]);
    expect(outcomes(first)).toEqual(['0 verified', '1 crashed', '2 verified', '3 verified']);
    expect(outcomes(second)).toEqual(['0 verified']);
  });

  it('answer for an object that makes them crash before its first program', async () => {
    const [first, second] = await answersOf(size, [job('boom'), job('ok', 'ok')]);
    expect(first).toMatchObject({ kind: 'crash' });
    expect(outcomes(second)).toEqual(['0 verified', '1 verified']);
  });

  it('share what one object has, and do each program once', async () => {
    const [answer] = await answersOf(size, [job(...new Array<string>(40).fill('slow'))]);
    expect(outcomes(answer)).toEqual(Array.from({ length: 40 }, (_, i) => `${i} verified`));
  });
});
