/** A program of a loaded object as the request that its loading makes. */
import type { Btf } from '../bpf/btf.ts';
import { Capability, hasCapability } from '../kernel-model/program-facts.ts';
import type { BpfObject, MapDef, Program } from '../loader/program.ts';
import type { LoadRequest, MapInfo, TargetProgram } from './load-request.ts';

export interface RequestOptions {
  /** `Cap` bits of the loading task. */
  caps: number;
  /** `LogLevel` bits. */
  logLevel: number;
  /** What a program that attaches to another one attaches to, as loaded. */
  target?: TargetProgram;
}

/**
 * @param program prepared, without an error of its own.
 * @throws {RangeError} for a program that attaches to another one when the target is not given.
 */
export function programRequest(object: BpfObject, program: Program, options: RequestOptions): LoadRequest {
  const modules = object.modules.slice(1);
  const { caps, logLevel } = options;
  // A task that may not load BTF loads its programs and maps without.
  const btf = hasCapability(caps, Capability.Bpf) ? loadedBtf(object) : undefined;
  const target = program.attachTarget?.program === undefined ? undefined : options.target;
  if (program.attachTarget?.program !== undefined && !target) {
    throw new RangeError(
      `'${program.name}' attaches to '${program.attachTarget.program}', which is not given`,
    );
  }
  return {
    insns: program.insns,
    progType: program.type,
    expectedAttachType: program.expectedAttachType,
    progFlags: program.flags,
    license: object.license,
    caps,
    logLevel,
    ...(btf ? { progBtf: btf.bytes } : {}),
    funcInfo: btf ? program.funcInfo : [],
    lineInfo: btf ? program.lineInfo : [],
    missing: program.missing,
    maps: mapInfos(object, btf),
    attachBtfId: program.attachTarget?.btfId ?? 0,
    ...(program.attachTarget?.module ? { attachBtf: program.attachTarget.module } : {}),
    ...(target ? { target } : {}),
    kfuncBtfs: [null, ...modules],
    immBtfs: modules,
  };
}

/** The object's BTF, unless the kernel does not take it. */
function loadedBtf({ btf, btfRefusal }: BpfObject): Btf | undefined {
  return btfRefusal === undefined ? btf : undefined;
}

/** All maps of the object, the templates of inner maps behind them. */
function mapInfos(object: BpfObject, btf: Btf | undefined): MapInfo[] {
  const infos: MapInfo[] = [];
  const templates: MapInfo[] = [];
  for (const map of object.maps) {
    const info = mapInfo(map, btf);
    if (map.inner) {
      info.inner = object.maps.length + templates.length;
      templates.push(mapInfo(map.inner, btf));
    }
    infos.push(info);
  }
  return [...infos, ...templates];
}

/** BPF_OBJ_NAME_LEN - 1: what of a map's name the kernel gets. */
const MAX_NAME = 15;

function mapInfo(map: MapDef, btf: Btf | undefined): MapInfo {
  const typed = btf !== undefined && map.keyTypeId + map.valueTypeId > 0;
  return {
    name: map.name.slice(0, MAX_NAME),
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    extra: map.mapExtra,
    ...(typed ? { btf: btf.bytes } : {}),
    keyTypeId: typed ? map.keyTypeId : 0,
    valueTypeId: typed ? map.valueTypeId : 0,
    // What an arena begins with is no value of a map.
    ...(map.data && map.valueSize > 0 ? { data: map.data } : {}),
    frozen: map.frozen === true,
  };
}
