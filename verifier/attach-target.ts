/**
 * Targets of `drydock verify`: programs that the programs of other objects replace a function of, or trace. They
 * are loaded and verified first, each attached to the one named before it.
 */
import type { Btf } from '../bpf/btf.ts';
import { BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import type { AttachingProgram, BpfObject, LoadOptions, Program, ProgramTarget } from '../loader/index.ts';
import { AttachType, ProgType } from '../loader/prog-type.ts';
import type { TargetProgram } from './load-request.ts';
import { programRequest } from './program-request.ts';
import { targetProgram } from './target-program.ts';
import type { Verifier } from './verifier.ts';

/** A target as the command line names it. */
interface TargetName {
  path: string;
  program?: string;
  func?: string;
}

/** A target, loaded. */
export interface AttachTarget {
  /** For the loader and for the verifier. */
  program: ProgramTarget;
  loaded: TargetProgram;
}

/** How an object is loaded; the attach target comes on top. */
export type ObjectLoader = (path: string, options: Pick<LoadOptions, 'programs' | 'target'>) => BpfObject;

/** All capabilities: whoever attaches, the target is there already. */
const ROOT = 15;
/** Statistics: the reason is written. */
const STATS = 4;
/** Linkage of functions that are elsewhere. */
const EXTERN = 2;

/** OBJ[:PROGRAM[=FUNCTION]]; a file whose name has a colon is taken as it is. */
function parseTarget(text: string, isFile: (path: string) => boolean): TargetName {
  const parts = /^(.+):([^:=]+)(?:=([^:=]+))?$/.exec(text);
  if (!parts || isFile(text)) return { path: text };
  const [, path = '', program = '', func] = parts;
  return { path, program, ...(func === undefined ? {} : { func }) };
}

/**
 * Loads and verifies the targets, each attached to the one before; undefined when none is named.
 * @param isFile whether there is a file of a name
 */
export function openTarget(
  verifier: Verifier,
  texts: readonly string[],
  load: ObjectLoader,
  isFile: (path: string) => boolean,
): AttachTarget | undefined {
  let target: AttachTarget | undefined;
  for (const text of texts) target = openOne(verifier, parseTarget(text, isFile), load, target);
  return target;
}

function openOne(
  verifier: Verifier,
  { path, program: name, func }: TargetName,
  load: ObjectLoader,
  before: AttachTarget | undefined,
): AttachTarget {
  const object = load(path, {
    ...(name === undefined ? {} : { programs: [name] }),
    ...(before ? { target: chooseTarget(before) } : {}),
  });
  const program = selectOne(object, path, name);
  const fail = (what: string) =>
    new InputError(`the target program "${program.name}" ${what}`, { file: path });
  if (program.error !== undefined) throw fail(`cannot be loaded: ${program.error}`);
  const request = programRequest(object, program, {
    caps: ROOT,
    logLevel: STATS,
    ...(before ? { target: before.loaded } : {}),
  });
  const verdict = verifier.verify(request);
  if (!verdict.accepted) throw fail(`is rejected (errno ${verdict.errno}): ${verdict.message}`);
  return {
    program: { object, program, ...(func === undefined ? {} : { func }) },
    loaded: targetProgram(request, verdict),
  };
}

function selectOne({ programs }: BpfObject, path: string, name: string | undefined): Program {
  const [first, ...others] = programs.filter((program) =>
    name === undefined ? program.prepared : program.name === name,
  );
  if (first && others.length === 0) return first;
  const known = programs.map((program) => program.name).join(', ') || 'none';
  throw new InputError(`a target is one program: say which as ${path}:PROGRAM; there are: ${known}`, {
    file: path,
  });
}

/**
 * What the loader asks: replacements always attach to the target; tracing programs do when their section names a
 * function of it, and otherwise trace the kernel. A function given on the command line goes before names of sections.
 */
export function chooseTarget({
  program,
}: AttachTarget): (asking: AttachingProgram) => ProgramTarget | undefined {
  const functions = program.object.btf ? functionNames(program.object.btf) : new Set<string>();
  return ({ type, attachType, target }) => {
    if (type === ProgType.Ext) return program;
    if (!tracesFunctions(type, attachType)) return undefined;
    const isNamed = target !== undefined && functions.has(target);
    return isNamed || program.func !== undefined ? program : undefined;
  };
}

function tracesFunctions(type: number, attachType: number): boolean {
  if (type !== ProgType.Tracing) return false;
  return (
    attachType === AttachType.TraceFentry ||
    attachType === AttachType.TraceFexit ||
    attachType === AttachType.ModifyReturn
  );
}

/** Functions that an object's BTF has the code of. */
function functionNames(btf: Btf): Set<string> {
  const names = new Set<string>();
  for (let id = 1; id < btf.typeCount; id++) {
    if (btf.kind(id) === BtfKind.Func && btf.type(id).linkage !== EXTERN) names.add(btf.name(id));
  }
  return names;
}
