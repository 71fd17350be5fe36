/** A program of a loaded object as the request that its loading makes. */
import type { Btf } from '../bpf/btf.ts';
import { Capability, hasCapability } from '../kernel-model/program-facts.ts';
import type { BpfObject, MapDef, Program } from '../loader/program.ts';
import type { LoadRequest, MapInfo } from './load-request.ts';

export interface RequestOptions {
  /** `Cap` bits of the loading task. */
  caps: number;
  /** `LogLevel` bits. */
  logLevel: number;
}

/** @param program prepared, without an error of its own. */
export function programRequest(object: BpfObject, program: Program, options: RequestOptions): LoadRequest {
  const modules = object.modules.slice(1);
  // A task that may not load BTF loads its programs and maps without.
  const btf = hasCapability(options.caps, Capability.Bpf) ? object.btf : undefined;
  return {
    insns: program.insns,
    progType: program.type,
    expectedAttachType: program.expectedAttachType,
    progFlags: program.flags,
    license: object.license,
    ...options,
    ...(btf ? { progBtf: btf.bytes } : {}),
    funcInfo: btf ? program.funcInfo : [],
    lineInfo: btf ? program.lineInfo : [],
    maps: mapInfos(object, btf),
    attachBtfId: program.attachTarget?.btfId ?? 0,
    ...(program.attachTarget?.module ? { attachBtf: program.attachTarget.module } : {}),
    kfuncBtfs: [null, ...modules],
    immBtfs: modules,
  };
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

function mapInfo(map: MapDef, btf: Btf | undefined): MapInfo {
  const typed = btf !== undefined && map.keyTypeId + map.valueTypeId > 0;
  return {
    name: map.name,
    type: map.type,
    keySize: map.keySize,
    valueSize: map.valueSize,
    maxEntries: map.maxEntries,
    flags: map.flags,
    extra: map.mapExtra,
    ...(typed ? { btf: btf.bytes } : {}),
    keyTypeId: typed ? map.keyTypeId : 0,
    valueTypeId: typed ? map.valueTypeId : 0,
    ...(map.data ? { data: map.data } : {}),
    frozen: map.frozen === true,
  };
}
