/** A scene by its number: processes with some of everything, and then what they do with it. */

import { closeChannelStep, closeStep, fileCallStep, openStep, storeStep, watchStep } from './file-steps.ts';
import { GrowingScene } from './growing.ts';
import { living, type View } from './look.ts';
import { mapHugeStep, mapRingStep, mapStep, punchStep, writeStep } from './memory-steps.ts';
import { awaitStep, credStep, exitStep, forkStep, randomTasks, waitStep } from './process-steps.ts';
import { Random } from './random.ts';
import { registerStep } from './register-steps.ts';
import { collectSteps, enterStep, ringStep, wordsStep } from './ring-steps.ts';
import type { Step } from './step.ts';
import { prepareStep, submitStep } from './submit-steps.ts';

type Maker = (view: View) => Step | undefined;

/** What every process has to begin with. */
const EQUIPMENT: readonly Maker[] = [openStep, openStep, openStep, mapStep, mapStep, ringStep];

const ACTIVITIES: readonly (readonly [number, Maker])[] = [
  [12, openStep],
  [4, closeStep],
  [2, closeChannelStep],
  [8, storeStep],
  [6, fileCallStep],
  [8, watchStep],
  [10, mapStep],
  [6, writeStep],
  [8, punchStep],
  [6, mapRingStep],
  [10, ringStep],
  [34, registerStep],
  [34, submitStep],
  [6, wordsStep],
  [3, enterStep],
  [4, prepareStep],
  [4, waitStep],
  [4, forkStep],
  [2, credStep],
  [1, exitStep],
];

/** The same number gives the same scene on the same kernel. */
export async function growScene(seed: number, kernel: string): Promise<GrowingScene> {
  const random = new Random(seed);
  const scene = await GrowingScene.plant({ kernel, tasks: randomTasks(random) });
  const take = (make: Maker): boolean => {
    const tasks = living(scene.session);
    const task = random.some(tasks);
    const step = task && make({ random, session: scene.session, task });
    return step !== undefined && scene.take(step);
  };
  for (const task of living(scene.session).filter(({ isLeader }) => isLeader))
    for (const make of EQUIPMENT) {
      const step = make({ random, session: scene.session, task });
      if (step) scene.take(step);
    }
  const wanted = random.between(5, 30);
  for (let taken = 0, tries = 0; taken < wanted && tries < 2 * wanted; tries++)
    if (take(random.weighted(ACTIVITIES))) taken++;
  for (const task of living(scene.session))
    for (const step of collectSteps({ random, session: scene.session, task })) scene.take(step);
  if (random.percent(3)) take(mapHugeStep);
  if (random.percent(5)) take(awaitStep);
  return scene;
}
