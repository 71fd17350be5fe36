/** Restores a checkpoint into a modelled kernel, in which nothing is but process 1 and the restorer. */
import type { Session } from '../../session/session.ts';
import type { CheckpointState } from '../state.ts';
import { type Call, Calls } from './calls.ts';
import { addFiles, fileNode, ownerNode, tableNode } from './files.ts';
import { RestoreGraph } from './graph.ts';
import { addMemory, mmNode } from './memory.ts';
import { addRings, type BlockedCall, ringNode, waitersNode, workersNode } from './rings/index.ts';
import { addTaskEnds, addTasks, taskNode } from './tasks.ts';
import { RestoreWorld } from './world.ts';

export interface Restored {
  /** Every system call, in order, with the part of the world that it was made for. */
  readonly calls: readonly Call[];
  /** Calls in which restored tasks wait. */
  readonly blocked: readonly BlockedCall[];
}

/** @throws {RestoreError} when a call is refused. @throws {InputError} when the state cannot be brought about here. */
export function restore(session: Session, state: CheckpointState): Restored {
  const graph = new RestoreGraph();
  const calls = new Calls(session.machine, session.reader);
  const world = new RestoreWorld(state, calls, graph);
  addTasks(world);
  addMemory(world);
  addFiles(world);
  addRings(world);
  const before = [
    ...state.tasks.map(({ tid }) => taskNode(tid)),
    ...state.mms.map((_, index) => mmNode(index)),
    ...state.fdTables.map((_, index) => tableNode(index)),
    ...state.files.flatMap((_, id) => [`${fileNode(id)} watches`, `${fileNode(id)} unlinked`, ownerNode(id)]),
    ...state.rings.map((_, index) => ringNode(index, 'done')),
    ...state.rings.map((_, index) => waitersNode(index)),
    ...state.tasks.map(({ tid }) => workersNode(tid)),
  ];
  graph.add('end', before, () => world.end());
  addTaskEnds(world, ['end']);
  for (const node of graph.sorted()) {
    calls.begin(node.key);
    node.run();
  }
  return { calls: calls.made, blocked: world.blocked };
}
