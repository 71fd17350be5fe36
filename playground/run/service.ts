/** Runs programs over scenes, and looks into runs: the worker's side. */
import { loadAssembly } from '../../assembly/index.ts';
import { parseScene } from '../../kernel-model/scene/index.ts';
import { Debugger, type ObjectToRun } from '../../session/debugger/debugger.ts';
import { sceneOverview } from '../../session/debugger/scene-overview.ts';
import { machines, withSessions } from '../kernel/machines.ts';
import { openProfile } from '../kernel/profile.ts';
import { fetchBytes } from '../kernel/site.ts';
import type { Subject } from '../state.ts';
import type { RunService, Setting } from './protocol.ts';

/** What messages call the scene that the page shows. */
const SCENE = 'scene';

async function objectOf(subject: Subject): Promise<ObjectToRun> {
  switch (subject.kind) {
    case 'example':
      return { bytes: await fetchBytes(`examples/${subject.file}`), file: subject.file };
    case 'object':
      return subject;
    case 'assembly':
      return { bytes: new TextEncoder().encode(subject.text), file: 'assembly', load: loadAssembly };
  }
}

/** Oldest first. What is looked into may not be what is chosen any more, so there are two. */
const debuggers = new Map<string, Promise<Debugger>>();
const KEPT = 2;

function debuggerOf(setting: Setting): Promise<Debugger> {
  const key = keyOf(setting);
  const made = debuggers.get(key) ?? makeDebugger(setting);
  debuggers.delete(key);
  debuggers.set(key, made);
  const [oldest] = debuggers.keys();
  if (debuggers.size > KEPT && oldest !== undefined) debuggers.delete(oldest);
  made.catch(() => {
    if (debuggers.get(key) === made) debuggers.delete(key);
  });
  return made;
}

function keyOf({ subject, kernel, scene, btf }: Setting): string {
  const what = subject.kind === 'object' ? [subject.file, digest(subject.bytes)] : Object.values(subject);
  return JSON.stringify([subject.kind, what, kernel, scene, btf && digest(btf)]);
}

async function makeDebugger({ subject, kernel, scene, btf }: Setting): Promise<Debugger> {
  const object = await objectOf(subject);
  const parsed = parseScene(scene, SCENE);
  const memories = await machines();
  return new Debugger({
    profile: await openProfile(kernel, btf),
    scene: parsed,
    object,
    createVm: () => memories.create(),
    releaseVm: (vm) => memories.release(vm),
  });
}

/** Tells objects of one name apart: FNV-1a. */
function digest(bytes: Uint8Array): number {
  let hash = 0x811c_9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  return hash >>> 0;
}

export const service: RunService = {
  async programs(setting) {
    return (await debuggerOf(setting)).programs();
  },

  async targets(setting, program) {
    return (await debuggerOf(setting)).targets(program);
  },

  async overview(kernel, scene) {
    const parsed = parseScene(scene, SCENE);
    return withSessions(await openProfile(kernel), async (open) => sceneOverview(await open(parsed)));
  },

  async record(setting, choice) {
    const found = await debuggerOf(setting);
    const begin = performance.now();
    const { iteration, recording } = await found.record(choice);
    const milliseconds = performance.now() - begin;
    const { log, bytes, failure } = iteration;
    return {
      recording,
      listing: await found.listing(choice.program),
      output: bytes,
      ...(failure === undefined ? {} : { failure }),
      ...(log.fault ? { fault: log.fault.pc } : {}),
      insns: log.insns,
      runs: log.runs,
      retval: log.retval,
      milliseconds,
    };
  },

  async inspect(setting, choice, moment, query) {
    return (await debuggerOf(setting)).inspect(choice, moment, query);
  },
};
