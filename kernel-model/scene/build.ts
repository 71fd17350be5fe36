/**
 * Builds a scene: makes the calls that bring a freshly booted machine to what the file describes. A call that
 * the modelled kernel refuses is an error that names the line, the errno and the likely reason.
 */
import { InputError } from '../../bpf/input-error.ts';
import type { Machine } from '../machine.ts';
import { OutOfMemory } from '../ram.ts';
import { Rlimit, type Task, UNLIMITED } from '../task.ts';
import { Clone } from '../task-table.ts';
import { performEvent } from './build-events.ts';
import { FileBuilder } from './build-files.ts';
import { holdLock } from './build-locks.ts';
import { buildMap } from './build-maps.ts';
import { MemoryBuilder } from './build-memory.ts';
import { RingBuilder } from './build-rings.ts';
import { Builder } from './builder.ts';
import { CAPABILITIES } from './flags.ts';
import type { ParsedScene } from './parsed-scene.ts';
import type { TaskSpec } from './scene.ts';
import { SceneError, type ScenePath } from './scene-error.ts';
import { World } from './world.ts';

const THREAD = Clone.Vm | Clone.Fs | Clone.Files | Clone.Sighand | Clone.Thread;

/** @throws {SceneError} */
export function buildScene(source: ParsedScene, machine: Machine): World {
  try {
    return new SceneBuilder(new Builder(machine, source)).build();
  } catch (error) {
    if (error instanceof OutOfMemory) throw source.error([], error.message);
    if (error instanceof InputError && !(error instanceof SceneError)) throw source.error([], error.message);
    throw error;
  }
}

class SceneBuilder {
  private readonly builder: Builder;

  constructor(builder: Builder) {
    this.builder = builder;
  }

  build(): World {
    const { builder } = this;
    const { scene } = builder.source;
    const specs = scene.tasks ?? [];
    const tasks = this.makeTasks(specs);
    for (const [index, task] of tasks.entries()) this.equip(task, specs[index] as TaskSpec, ['tasks', index]);
    const maps = (scene.maps ?? []).map((spec, index) => buildMap(builder.scope, spec, ['maps', index]));
    for (const [index, event] of (scene.events ?? []).entries())
      performEvent(builder, event, ['events', index]);
    for (const [index, lock] of (scene.locks ?? []).entries()) holdLock(builder, lock, ['locks', index]);
    return new World(builder.machine, maps);
  }

  /** All processes before what they own, so that ids which the kernel chooses stay clear of theirs. */
  private makeTasks(specs: readonly TaskSpec[]): Task[] {
    const { machine } = this.builder;
    if (!specs.some(({ pid }) => pid === 1)) machine.tasks.create({ pid: 1, comm: 'init' });
    return specs.map((spec, index) => this.makeTask(spec, ['tasks', index]));
  }

  private makeTask(spec: TaskSpec, path: ScenePath): Task {
    const { builder } = this;
    const { tasks } = builder.machine;
    if (tasks.get(spec.pid))
      throw builder.source.error([...path, 'pid'], `there is a task ${spec.pid} already`);
    const parent = spec.pid === 1 ? undefined : builder.task(spec.parent ?? 1, [...path, 'parent']);
    const task = tasks.create({
      pid: spec.pid,
      comm: spec.comm ?? `task-${spec.pid}`,
      uid: spec.uid ?? 0,
      gid: spec.gid ?? spec.uid ?? 0,
      ...(spec.euid === undefined ? {} : { euid: spec.euid }),
      ...(spec.suid === undefined ? {} : { suid: spec.suid }),
      ...(spec.egid === undefined ? {} : { egid: spec.egid }),
      ...(spec.sgid === undefined ? {} : { sgid: spec.sgid }),
      ...(spec.groups ? { groups: spec.groups } : {}),
      ...(parent ? { parent } : {}),
      ...(spec.capabilities ? { capabilities: capabilitySet(spec.capabilities) } : {}),
    });
    this.limit(task, spec, path);
    for (const [index, thread] of (spec.threads ?? []).entries()) {
      const at = [...path, 'threads', index];
      const tid = builder.done('fork', task, builder.machine.sys.clone(task, THREAD, thread.tid), at);
      if (thread.comm !== undefined) builder.task(tid, at).comm = thread.comm;
    }
    return task;
  }

  private limit(task: Task, spec: TaskSpec, path: ScenePath): void {
    const { scope } = this.builder;
    const { memlock, nofile } = spec.rlimits ?? {};
    const at = [...path, 'rlimits'];
    if (memlock === 'unlimited') task.group.setLimit(Rlimit.MemLock, UNLIMITED);
    else if (memlock !== undefined)
      task.group.setLimit(Rlimit.MemLock, scope.size(memlock, [...at, 'memlock']));
    if (nofile !== undefined) task.group.setLimit(Rlimit.NoFile, scope.size(nofile, [...at, 'nofile']));
  }

  private equip(task: Task, spec: TaskSpec, path: ScenePath): void {
    const { builder } = this;
    const files = new FileBuilder(builder, task);
    const memory = new MemoryBuilder(builder, task);
    const rings = new RingBuilder(builder, task);
    for (const [index, file] of (spec.files ?? []).entries()) files.add(file, [...path, 'files', index]);
    for (const [index, map] of (spec.mappings ?? []).entries()) memory.add(map, [...path, 'mappings', index]);
    for (const [index, ring] of (spec.rings ?? []).entries()) rings.add(ring, [...path, 'rings', index]);
    for (const [index, file] of (spec.files ?? []).entries()) files.watch(file, [...path, 'files', index]);
  }
}

function capabilitySet(names: readonly string[]): bigint {
  return names.reduce((set, name) => set | (1n << BigInt(CAPABILITIES[name] as number)), 0n);
}
