/** A program in assembly as the request that loading it makes. */
import { assembleText } from '../bpf/asm.ts';
import { BtfKind } from '../bpf/btf.ts';
import { InputError } from '../bpf/input-error.ts';
import { Capability, hasCapability } from '../kernel-model/program-facts.ts';
import { expectedAttachType, findAttachTarget } from '../loader/attach.ts';
import { ProgType } from '../loader/prog-type.ts';
import type { AttachTarget as LoaderTarget, LoadOptions } from '../loader/program.ts';
import { findSectionDef } from '../loader/sections.ts';
import { type AttachTarget, chooseTarget } from '../verifier/attach-target.ts';
import type { LoadRequest, MapInfo } from '../verifier/load-request.ts';
import { functionTypes } from './function-btf.ts';
import { mapNumbers } from './parse.ts';
import { type AssemblyError, AssemblyFailure, type AssemblyKfunc, type AssemblySource } from './source.ts';

export interface AssembledOptions {
  /** `Cap` bits of the loading task. */
  caps: number;
  /** `LogLevel` bits. */
  logLevel: number;
  /** Where attach targets and functions of the kernel are looked for. */
  kernel?: Pick<LoadOptions, 'kernelBtf' | 'modules'>;
  /** The program that a freplace, fentry or fexit program attaches to. */
  target?: AttachTarget;
}

/** What a program is called that is written as text. */
export const PROGRAM_NAME = 'assembly';

/** @throws {AssemblyFailure} for a source with errors, and for what the kernel does not have. */
export function assembledRequest(source: AssemblySource, options: AssembledOptions): LoadRequest {
  const { section } = source;
  const [first, ...others] = source.errors;
  if (first) throw new AssemblyFailure([first, ...others]);
  const def = section && findSectionDef(section.name);
  if (!def) throw new TypeError('a source without errors has a type');
  const fail = (message: string) => new AssemblyFailure([{ ...section.place, message }]);
  if (def.type === ProgType.StructOps) {
    throw fail('struct_ops programs need the types of an object: they cannot be written here');
  }
  const func = { name: PROGRAM_NAME, sectionName: section.name, def };
  const { kernel = {}, target } = options;
  const lookup: LoadOptions = { ...kernel, ...(target ? { target: chooseTarget(target) } : {}) };
  let attach: LoaderTarget | undefined;
  try {
    attach = findAttachTarget(func, lookup);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    throw fail(cause.reason.replace(`prog '${PROGRAM_NAME}': `, ''));
  }
  const { modules, kfuncId } = findKfuncs(source, kernel);
  const insns = source.kfuncs.length > 0 ? assembleAgain(source, kfuncId) : source.insns;
  const withTypes = hasCapability(options.caps, Capability.Bpf);
  const types = withTypes ? functionTypes(insns, source.labels) : undefined;
  return {
    insns,
    progType: def.type,
    expectedAttachType: expectedAttachType(func, lookup),
    progFlags: def.flags | source.flags,
    license: source.license,
    caps: options.caps,
    logLevel: options.logLevel,
    funcInfo: [],
    ...types,
    lineInfo: [],
    maps: source.maps.map(mapInfo),
    attachBtfId: attach?.btfId ?? 0,
    ...(attach?.module ? { attachBtf: attach.module } : {}),
    ...(attach?.program !== undefined && target ? { target: target.loaded } : {}),
    kfuncBtfs: [null, ...modules],
    immBtfs: modules,
  };
}

type KfuncId = (name: string) => number | string | undefined;

/** Numbers of the kernel's functions that the program names, and the modules that have them. */
function findKfuncs(
  { kfuncs, modules }: AssemblySource,
  kernel: Pick<LoadOptions, 'kernelBtf' | 'modules'>,
): { modules: string[]; kfuncId: KfuncId } {
  const used = [...modules];
  const errors: AssemblyError[] = [];
  const ids = new Map<string, number | string>();
  for (const kfunc of kfuncs) {
    const found = findKfunc(kfunc, kernel);
    if (!found) {
      const where = kfunc.module === undefined ? 'the kernel and its modules' : `module ${kfunc.module}`;
      const message = kernel.kernelBtf
        ? `there is no function ${kfunc.name} in ${where}`
        : `${kfunc.name} needs the types of a kernel, and none are given`;
      errors.push({ ...kfunc.place, message });
      continue;
    }
    const { id, module } = found;
    if (module === undefined) ids.set(kfunc.name, id);
    else {
      if (!used.includes(module)) used.push(module);
      ids.set(kfunc.name, `${id}@${used.indexOf(module) + 1}`);
    }
  }
  const [first, ...others] = errors;
  if (first) throw new AssemblyFailure([first, ...others]);
  return { modules: used, kfuncId: (name) => ids.get(name) };
}

function findKfunc(
  { name, module }: AssemblyKfunc,
  { kernelBtf, modules = [] }: Pick<LoadOptions, 'kernelBtf' | 'modules'>,
): { id: number; module?: string } | undefined {
  if (module === undefined) {
    const id = kernelBtf?.find(name, BtfKind.Func);
    if (id) return { id };
  }
  for (const candidate of modules) {
    if (module !== undefined && candidate.name !== module) continue;
    const { btf } = candidate;
    const id = btf.idsByName(name, BtfKind.Func).find((each) => each >= btf.firstId);
    if (id !== undefined) return { id, module: candidate.name };
  }
  return undefined;
}

function assembleAgain(source: AssemblySource, kfuncId: KfuncId): Uint8Array {
  const numbers = mapNumbers(source.maps);
  const { insns, errors } = assembleText(source.code, { kfuncId, mapIndex: (name) => numbers.get(name) });
  const [first, ...others] = errors.map((error) => ({ ...error, message: error.reason }));
  if (first) throw new AssemblyFailure([first, ...others]);
  return insns;
}

function mapInfo(map: AssemblySource['maps'][number]): MapInfo {
  const { place: _, ...info } = map;
  return { ...info, keyTypeId: 0, valueTypeId: 0 };
}
