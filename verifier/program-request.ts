/** A program of a loaded object as the request that its loading makes. */
import type { Btf } from '../bpf/btf.ts';
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
  const btf = loadedBtf(object);
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
    maps: mapInfos(object),
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
function mapInfos(object: BpfObject): MapInfo[] {
  const infos: MapInfo[] = [];
  const templates: MapInfo[] = [];
  for (const map of object.maps) {
    const info = mapInfo(object, map);
    if (map.inner) {
      info.inner = object.maps.length + templates.length;
      templates.push(mapInfo(object, map.inner));
    }
    infos.push(info);
  }
  return [...infos, ...templates];
}

function mapInfo(object: BpfObject, map: MapDef): MapInfo {
  const btf = loadedBtf(object);
  return {
    name: map.name,
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    extra: map.mapExtra,
    ...(btf && map.keyTypeId + map.valueTypeId > 0 ? { btf: btf.bytes } : {}),
    keyTypeId: btf ? map.keyTypeId : 0,
    valueTypeId: btf ? map.valueTypeId : 0,
    ...(map.data ? { data: map.data } : {}),
    frozen: map.frozen === true,
  };
}
