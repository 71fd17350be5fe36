/** A scene as a system of actors: those it lists, and the threads of the kernel that serve them. */
import { emitCalls } from './calls.ts';
import { Emitter } from './emitter.ts';
import type { LockScene } from './scene.ts';
import { System } from './system.ts';
import { emitExitWork, emitSqThread, emitWorker } from './threads.ts';
import { type Ring, World } from './world.ts';

export function buildSystem(scene: LockScene): System {
  const system = new System();
  const world = new World(system.space, scene);
  system.locks.push(...world.locks);
  system.neverWaits.push(...(scene.never_waits ?? []));
  for (const { name, does } of scene.actors) emitCalls(new Emitter(world, system.actor(name)), does);
  for (const ring of world.rings.values()) addThreads(system, world, ring);
  system.seal();
  return system;
}

function addThreads(system: System, world: World, ring: Ring): void {
  const { name, sqd } = ring;
  const reads = world.calls.filter(({ enter }) => enter === name).map((call) => call.reads ?? '');
  const iterators = [...new Set(reads)];
  const thread = (title: string) => new Emitter(world, system.actor(`${title}-${name}`, true));
  if (sqd && iterators.length > 0) emitSqThread(thread('iou-sqp'), ring, iterators);
  const punted = iterators.filter((iterator) => !world.iterators.get(iterator)?.def.nonblock);
  if (punted.length > 0) emitWorker(thread('iou-wrk'), ring, punted);
  if (world.mayEnd(name)) emitExitWork(thread('kworker'), ring);
}
