/** A program in assembly as the object that it might have been compiled to, for what runs objects. */
import type { BpfObject, LoadOptions, MapDef, Program } from '../loader/program.ts';
import { Cap } from '../verifier/types.ts';
import { functionStarts, labelNames } from './function-btf.ts';
import { parseAssembly } from './parse.ts';
import { assembledRequest, PROGRAM_NAME } from './request.ts';
import type { AssemblyMap, AssemblySource } from './source.ts';

/**
 * Takes the place of `loadObject` for text.
 * @throws {AssemblyFailure} for a text with errors, and for what the kernel does not have.
 */
export function loadAssembly(bytes: Uint8Array, options: LoadOptions): BpfObject {
  const source = parseAssembly(new TextDecoder().decode(bytes));
  const request = assembledRequest(source, { caps: Cap.All, logLevel: 0, kernel: options });
  const section = source.section?.name ?? '';
  const selected = options.programs ?? 'all';
  const program: Program = {
    name: PROGRAM_NAME,
    section,
    type: request.progType,
    expectedAttachType: request.expectedAttachType,
    flags: request.progFlags,
    autoload: true,
    prepared: selected === 'all' || selected.includes(PROGRAM_NAME),
    insns: request.insns,
    subprogs: subprogs(request.insns, source),
    funcInfo: [],
    lineInfo: [],
    missing: [],
  };
  if (request.attachBtfId !== 0) {
    program.attachTarget = {
      name: section.slice(section.indexOf('/') + 1),
      btfId: request.attachBtfId,
      ...(typeof request.attachBtf === 'string' ? { module: request.attachBtf } : {}),
    };
  }
  return {
    file: options.file ?? PROGRAM_NAME,
    license: source.license,
    bigEndian: false,
    version: 0,
    modules: ['vmlinux', ...(request.immBtfs ?? [])],
    maps: source.maps.map((map) => mapDef(map, source.maps)),
    programs: [program],
  };
}

function subprogs(insns: Uint8Array, { labels }: AssemblySource): Program['subprogs'] {
  const names = labelNames(labels);
  return functionStarts(insns).map((start) => ({
    start,
    name: start === 0 ? PROGRAM_NAME : (names.get(start) ?? `function_${start}`),
  }));
}

function mapDef(map: AssemblyMap, all: readonly AssemblyMap[]): MapDef {
  const { name, type, keySize, valueSize, maxEntries, flags, extra, frozen, data } = map;
  const inner = map.inner === undefined ? undefined : all[map.inner];
  return {
    name,
    type,
    keySize,
    valueSize,
    maxEntries,
    flags,
    mapExtra: extra,
    keyTypeId: 0,
    valueTypeId: 0,
    pinning: 0,
    numaNode: -1,
    frozen,
    section: PROGRAM_NAME,
    ...(data ? { data } : {}),
    ...(inner ? { inner: mapDef(inner, all) } : {}),
  };
}
