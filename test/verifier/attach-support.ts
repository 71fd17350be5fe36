/** Loads chains of programs, each attached to the one before, as the recorded cases name them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openProfile } from '../../kernel-model/profile-node.ts';
import { openVerifierData } from '../../kernel-model/verifier-data-node.ts';
import { type LoadOptions, loadObject, type ProgramTarget } from '../../loader/index.ts';
import { type LoadRequest, type TargetProgram, type Verdict, Verifier } from '../../verifier/index.ts';
import { programRequest } from '../../verifier/program-request.ts';
import { targetProgram } from '../../verifier/target-program.ts';
import { openBlobs } from '../conformance/archive.ts';
import type { AttachAnswer } from '../conformance/attach-archive.ts';
import { packageRoot, recordedFolder, verifierWasm } from '../package-root.ts';

const OBJECTS = join(packageRoot(), 'test', 'verifier', 'objects');
const ROOT = 15;
const STATS_LOG = 4;

export async function startVerifier(modules?: ReadonlyMap<string, Uint8Array>): Promise<Verifier> {
  const wasm = readFileSync(verifierWasm());
  const btf = openProfile('6.12').vmlinux;
  const kernel = { btf, data: openVerifierData('6.12'), ...(modules ? { modules } : {}) };
  return Verifier.create({ wasm, kernel });
}

/** BTF of the modules that the recorded kernel had loaded. */
export function recordedModules(): Map<string, Uint8Array> {
  return openBlobs(recordedFolder()).modules;
}

/** One program of a chain: OBJECT:PROGRAM[=FUNCTION]. */
function parseLink(text: string): { file: string; name: string; func?: string } {
  const [, file, name, func] = /^([^:]+):([^=]+)(?:=(.*))?$/.exec(text) ?? [];
  if (file === undefined || name === undefined) throw new Error(`not a program: ${text}`);
  return { file, name, ...(func === undefined ? {} : { func }) };
}

/** A program of a chain with its request, or without one when the loader refuses it. */
interface Link {
  target: ProgramTarget;
  request?: LoadRequest;
}

function loadLink(text: string, before: ProgramTarget | undefined, loaded: TargetProgram | undefined): Link {
  const { file, name, func } = parseLink(text);
  const target = before && { ...before, ...(func === undefined ? {} : { func }) };
  const options: LoadOptions = {
    file,
    kernelBtf: openProfile('6.12').vmlinux,
    programs: [name],
    target: () => target,
  };
  const object = loadObject(new Uint8Array(readFileSync(join(OBJECTS, file))), options);
  const program = object.programs.find((candidate) => candidate.name === name);
  if (!program) throw new Error(`${file} has no program ${name}`);
  if (program.error !== undefined) return { target: { object, program } };
  const request = programRequest(object, program, {
    caps: ROOT,
    logLevel: STATS_LOG,
    ...(loaded ? { target: loaded } : {}),
  });
  return { target: { object, program }, request };
}

/** The last program of a chain. @param withTarget false leaves the one before it out of its request. */
function loadChain(verifier: Verifier, chain: string, withTarget = true): Link {
  const links = chain.split(' ');
  const last = links.pop() ?? '';
  let before: ProgramTarget | undefined;
  let loaded: TargetProgram | undefined;
  for (const text of links) {
    const { target, request } = loadLink(text, before, loaded);
    if (!request) throw new Error(`${text}: ${target.program.error}`);
    const verdict = verifier.verify(request);
    if (!verdict.accepted) throw new Error(`${text}: ${verdict.message}`);
    before = target;
    loaded = targetProgram(request, verdict);
  }
  return loadLink(last, before, withTarget ? loaded : undefined);
}

/** The request of the last program of a chain. @throws when the loader refuses it, or what is before it. */
export function requestOf(verifier: Verifier, chain: string, withTarget = true): LoadRequest {
  const { request, target } = loadChain(verifier, chain, withTarget);
  if (!request) throw new Error(target.program.error);
  return request;
}

/** What the last program of a chain comes to. @throws when one before it is not accepted. */
export function answerTo(verifier: Verifier, chain: string): AttachAnswer {
  const { request } = loadChain(verifier, chain);
  return request ? answer(chain, verifier.verify(request)) : refusedByLoader(chain);
}

/** As `answerTo`, of requests that are ready but for their targets. */
export function answerToChain(
  verifier: Verifier,
  name: string,
  chain: readonly Omit<LoadRequest, 'target'>[],
): AttachAnswer {
  let target: TargetProgram | undefined;
  for (const [index, link] of chain.entries()) {
    const request: LoadRequest = { ...link, ...(target ? { target } : {}) };
    const verdict = verifier.verify(request);
    if (index === chain.length - 1) return answer(name, verdict);
    if (!verdict.accepted) throw new Error(`${name}: ${verdict.message}`);
    target = targetProgram(request, verdict);
  }
  throw new Error('an empty chain');
}

function answer(name: string, { errno, message, stats }: Verdict): AttachAnswer {
  const { insnsProcessed, maxStatesPerInsn, totalStates, peakStates, markRead } = stats;
  const counts: AttachAnswer['stats'] = [insnsProcessed, maxStatesPerInsn, totalStates, peakStates, markRead];
  return { case: name, stage: 'kernel', errno, message, stats: counts };
}

/** The loader gives reasons without an errno: only where it ended can be compared. */
function refusedByLoader(name: string): AttachAnswer {
  return { case: name, stage: 'libbpf', errno: 0, message: '', stats: [0, 0, 0, 0, 0] };
}
