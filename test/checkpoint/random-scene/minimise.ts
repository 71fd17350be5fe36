/** Leaves out of a scene what it does not need to fail. */
import { InputError } from '../../../bpf/input-error.ts';
import { GrowingScene } from './growing.ts';
import { type Outcome, proveScene } from './prove.ts';
import type { RandomScene } from './step.ts';

/** Outcomes that are the same but for numbers are the same failure. */
function failureOf(outcome: Outcome): string | undefined {
  return outcome.kind === 'failed' ? outcome.reason.replace(/0x[0-9a-f]+|\d+/g, '#') : undefined;
}

async function tryScene(scene: RandomScene): Promise<string | undefined> {
  try {
    const { session } = await GrowingScene.regrow(scene);
    return failureOf(await proveScene(session, scene.kernel));
  } catch (error) {
    // A step may need what was dropped.
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** Drops steps, then processes, as long as it fails in the same way. @param tries how often it is built at most */
export async function minimise(scene: RandomScene, tries = 100): Promise<RandomScene> {
  const wanted = await tryScene(scene);
  if (wanted === undefined) return scene;
  let left = tries;
  let best = scene;
  const fails = async (smaller: RandomScene): Promise<boolean> => {
    if (left-- <= 0 || (await tryScene(smaller)) !== wanted) return false;
    best = smaller;
    return true;
  };
  for (let size = Math.ceil(scene.steps.length / 2); left > 0; size = Math.ceil(size / 2)) {
    let dropped = false;
    for (let at = 0; at < best.steps.length && left > 0; ) {
      const steps = best.steps.filter((_, i) => i < at || i >= at + size);
      if (await fails({ ...best, steps })) dropped = true;
      else at += size;
    }
    if (size <= 1 && !dropped) break;
  }
  for (const { pid } of scene.tasks)
    if (best.tasks.length > 1) await fails({ ...best, tasks: best.tasks.filter((task) => task.pid !== pid) });
  return best;
}
