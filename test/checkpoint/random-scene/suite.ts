/** Tests of many random scenes on one kernel. */
import { describe, expect, it } from 'vitest';
import { growScene } from './grow.ts';
import { minimise } from './minimise.ts';
import { type Outcome, proveScene, type textOf } from './prove.ts';

/** Of all three kernels together. */
const DEFAULT_SCENES = 1000;
const KERNELS = 3;
const BATCHES = 8;
/** Every so many scenes are restored twice, the second time from what was restored. */
const TWICE = 5;
/** Of a hundred scenes. */
const MOST_REFUSED = 35;
/** Those that the dump should have refused, and the restore does, by item. */
const MOST_LATE = 1;
const BATCH_TIMEOUT = 600_000;

/** DRYDOCK_SCENES=N makes it N scenes, and tells what was refused. */
const wanted = Number(process.env.DRYDOCK_SCENES ?? DEFAULT_SCENES);

export function testScenes(kernel: string): void {
  describe(`random scenes on ${kernel}`, () => {
    const count = Math.ceil(wanted / KERNELS);
    const size = Math.ceil(count / BATCHES);
    const outcomes: Outcome[] = [];

    for (let first = 0; first < count; first += size) {
      const last = Math.min(first + size, count);
      it(`${first} to ${last - 1} come out equal, or are refused by name`, {
        timeout: BATCH_TIMEOUT,
      }, async () => {
        for (let seed = first; seed < last; seed++) outcomes.push(await outcomeOf(seed, kernel));
      });
    }

    it(`at most ${MOST_REFUSED} of a hundred are refused`, () => {
      const refused = outcomes.filter(({ kind }) => kind !== 'equal');
      const late = outcomes.filter(({ kind }) => kind === 'late');
      if (process.env.DRYDOCK_SCENES !== undefined) console.info(table(kernel, outcomes));
      expect(outcomes).toHaveLength(count);
      expect(late.length * 100).toBeLessThanOrEqual(MOST_LATE * count);
      expect(refused.length * 100).toBeLessThanOrEqual(MOST_REFUSED * count);
    });
  });
}

/** @throws with the smallest scene that fails in the same way. */
async function outcomeOf(seed: number, kernel: string): Promise<Outcome> {
  const scene = await growScene(seed, kernel);
  const outcome = await proveScene(scene.session, kernel, seed % TWICE === 0 ? 2 : 1);
  if (outcome.kind === 'failed') {
    const smallest = await minimise(scene.scene);
    expect.fail(`scene ${seed}: ${outcome.reason}\n${JSON.stringify(smallest)}`);
  }
  return outcome;
}

/** How many scenes have come to what; a scene may be refused for several reasons. */
function table(kernel: string, outcomes: readonly Outcome[]): string {
  const reasons = new Map<string, number>();
  for (const outcome of outcomes) {
    for (const reason of new Set(reasonsOf(outcome))) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const equal = outcomes.filter(({ kind }) => kind === 'equal').length;
  const lines = [...reasons].sort((a, b) => b[1] - a[1]).map(([reason, count]) => `${count} x ${reason}`);
  return [`${kernel}: ${outcomes.length} scenes, ${equal} equal`, ...lines].join('\n');
}

function reasonsOf(outcome: Outcome): string[] {
  if (outcome.kind === 'late')
    return [`late, item ${outcome.item}: ${outcome.reason.replace(/0x[0-9a-f]+|\d+/g, '#')}`];
  return outcome.kind === 'refused' ? outcome.refusals.map(generalText) : [];
}

/** Without the numbers that are of one scene; items keep theirs. */
function generalText(refusal: Parameters<typeof textOf>[0]): string {
  const item = refusal.item === undefined ? 'no item' : `item ${refusal.item}`;
  return `${item}: ${refusal.reason.replace(/0x[0-9a-f]+|\d+/g, '#')}`;
}
