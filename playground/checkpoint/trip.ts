/** A checkpoint and a restore, as the view shows them: the world restored is the one that the images hold. */
import { InputError } from '../../bpf/input-error.ts';
import { noteOfLoss } from '../../checkpoint/compare/item-report.ts';
import { fromImages, toImages } from '../../checkpoint/convert/index.ts';
import type { ObjectSource } from '../../checkpoint/dump/programs.ts';
import { imageSummary } from '../../checkpoint/image/index.ts';
import { type Proof, proveRestore, takeCheckpoint } from '../../checkpoint/roundtrip.ts';
import type { ParsedScene } from '../../kernel-model/scene/index.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import type { Session } from '../../session/session.ts';
import { dumpedOf } from './dumped.ts';
import { itemRows } from './items.ts';
import type { ImageFile, Stage, Trip } from './protocol.ts';

export interface TripTools {
  /** A kernel with a scene in it. */
  open(scene: ParsedScene): Promise<Session>;
  readonly source: ObjectSource;
  /** Told what comes next. */
  begin(stage: Stage): void;
}

/** @throws {SceneError} when the scene cannot be built. */
export async function roundTrip(
  scene: ParsedScene,
  drop: readonly number[],
  tools: TripTools,
): Promise<Trip> {
  const clock = new Clock(tools);
  const session = await clock.time('build', () => tools.open(scene));
  const taken = await clock.time('dump', async () => takeCheckpoint(session, tools.source, { drop }));
  const { state, refusals, dropped } = taken;
  const made = { kernel: state.kernel, dumped: dumpedOf(state), refusals, dropped };
  const ended = (rest: Pick<Trip, 'images' | 'restored' | 'failure'>, proof?: Proof): Trip => ({
    ...made,
    ...rest,
    items: itemRows({ comparison: proof?.comparison, refusals, dropped }),
    times: clock.times,
  });
  if (refusals.length > 0) return ended({ images: undefined, restored: undefined, failure: undefined });
  let images: ImageFile[] | undefined;
  try {
    const files = await clock.time('images', async () => toImages(state, dropped.map(noteOfLoss)));
    images = [...files]
      .map(([name, bytes]) => imageFile(name, bytes))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const proof = await clock.time('restore', async () => {
      const read = fromImages(files);
      return proveRestore(await tools.open(parseScene('', 'empty scene')), tools.source, read);
    });
    const { calls, comparison } = proof;
    const { equal, world } = comparison;
    return ended({ images, restored: { calls, equal, world }, failure: undefined }, proof);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return ended({ images, restored: undefined, failure: error.message });
  }
}

function imageFile(name: string, bytes: Uint8Array): ImageFile {
  // A copy of its own: what is sent to the page must not bring a larger buffer with it.
  return { name, what: imageSummary(name, bytes), bytes: new Uint8Array(bytes) };
}

class Clock {
  readonly times: { [stage in Stage]?: number } = {};
  private readonly tools: TripTools;

  constructor(tools: TripTools) {
    this.tools = tools;
  }

  async time<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    this.tools.begin(stage);
    const start = performance.now();
    const result = await work();
    this.times[stage] = performance.now() - start;
    return result;
  }
}
