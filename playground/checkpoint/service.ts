/** The checkpoint view's worker: kernels, the programs that look at them, and images. */
import { CHECKPOINT_OBJECTS, type ObjectSource } from '../../checkpoint/dump/programs.ts';
import { type ParsedScene, parseScene } from '../../kernel-model/scene/index.ts';
import { Session } from '../../session/session.ts';
import { Vm } from '../../vm/index.ts';
import { openProfile } from '../kernel/profile.ts';
import { fetchBytes } from '../kernel/site.ts';
import { say } from '../rpc/progress.ts';
import { imageText } from './image-text.ts';
import type { CheckpointService, TripProgress } from './protocol.ts';
import { roundTrip } from './trip.ts';

let compiled: Promise<WebAssembly.Module> | undefined;
let fetched: Promise<ReadonlyMap<string, Uint8Array>> | undefined;

/** As `load` gives it; tried again after it has failed. */
function vmModule(): Promise<WebAssembly.Module> {
  compiled ??= fetchBytes('vm.wasm').then((bytes) => WebAssembly.compile(bytes));
  compiled.catch(() => {
    compiled = undefined;
  });
  return compiled;
}

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

async function open(scene: ParsedScene, kernel: string): Promise<Session> {
  const [wasm, profile] = await Promise.all([vmModule(), openProfile(kernel)]);
  return new Session(await Vm.create({ wasm }), profile, scene);
}

export const service: CheckpointService = {
  async check({ text, file, kernel }) {
    await open(parseScene(text, file), kernel);
  },

  async roundTrip({ text, file, kernel, drop }) {
    const objects = await dumpers();
    const source: ObjectSource = (name) => objects.get(name) as Uint8Array;
    return roundTrip(parseScene(text, file), drop, {
      open: (scene) => open(scene, kernel),
      source,
      begin: (stage) => say({ stage } satisfies TripProgress),
    });
  },

  async show(images, name, pretty) {
    return imageText(images, name, pretty);
  },
};
