/** The checkpoint view's worker: kernels, the programs that look at them, and images. */
import { CHECKPOINT_OBJECTS, type ObjectSource } from '../../checkpoint/dump/programs.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { withSessions } from '../kernel/machines.ts';
import { openProfile } from '../kernel/profile.ts';
import { fetchBytes } from '../kernel/site.ts';
import { say } from '../rpc/progress.ts';
import { imageText } from './image-text.ts';
import type { CheckpointService, Stage, TripProgress } from './protocol.ts';
import { roundTrip } from './trip.ts';

let fetched: Promise<ReadonlyMap<string, Uint8Array>> | undefined;

/** Tried again after it has failed. */
function dumpers(): Promise<ReadonlyMap<string, Uint8Array>> {
  fetched ??= fetchDumpers();
  fetched.catch(() => {
    fetched = undefined;
  });
  return fetched;
}

async function fetchDumpers(): Promise<ReadonlyMap<string, Uint8Array>> {
  const all = CHECKPOINT_OBJECTS.map(
    async (name) => [name, await fetchBytes(`dumpers/${name}.bpf.o`)] as const,
  );
  return new Map(await Promise.all(all));
}

export const service: CheckpointService = {
  async check({ text, file, kernel }) {
    const scene = parseScene(text, file);
    await withSessions(await openProfile(kernel), (open) => open(scene));
  },

  async roundTrip({ text, file, kernel, drop }) {
    const objects = await dumpers();
    const source: ObjectSource = (name) => objects.get(name) as Uint8Array;
    const scene = parseScene(text, file);
    const begin = (stage: Stage) => say({ stage } satisfies TripProgress);
    return withSessions(await openProfile(kernel), (open) => roundTrip(scene, drop, { open, source, begin }));
  },

  async show(images, name, pretty) {
    return imageText(images, name, pretty);
  },
};
