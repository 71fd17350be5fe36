/** A recorded load as a request to the verifier. */
import type { LoadRequest, MapInfo } from '../../verifier/load-request.ts';
import type { RecordedLoad, RecordedMap } from './archive.ts';

/** `Cap` bits: all, and those of a load with CAP_BPF and CAP_NET_ADMIN only. */
const ALL_CAPABILITIES = 15;
const BPF_AND_NET_ADMIN = 5;
/** Log level without a path: the reason and the statistics. */
const STATS = 4;

export function capabilities(load: RecordedLoad): number {
  if (load.mode === 'unpriv') return 0;
  return load.caps === undefined ? ALL_CAPABILITIES : BPF_AND_NET_ADMIN;
}

export function logLevel(load: RecordedLoad): number {
  return load.logLevel ?? STATS;
}

/** @param blobs those of the archive. */
export function recordedRequest(load: RecordedLoad, blobs: readonly Uint8Array[]): LoadRequest {
  const blob = (index: number | undefined) => (index === undefined ? undefined : blobs[index]);
  const progBtf = blob(load.btf);
  return {
    insns: blob(load.insns) ?? new Uint8Array(0),
    progType: load.type,
    expectedAttachType: load.attach ?? 0,
    progFlags: load.flags ?? 0,
    license: load.license,
    caps: capabilities(load),
    logLevel: logLevel(load),
    ...(progBtf ? { progBtf } : {}),
    funcInfo: records(blob(load.funcInfo), 8, (word) => ({ insn: word(0), typeId: word(1) })),
    lineInfo: records(blob(load.lineInfo), 16, (word) => ({
      insn: word(0),
      fileNameOffset: word(1),
      lineOffset: word(2),
      line: word(3) >>> 10,
      column: word(3) & 1023,
    })),
    maps: (load.maps ?? []).map((map) => mapInfo(map, blob)),
    attachBtfId: load.attachId ?? 0,
    ...(load.attachBtf ? { attachBtf: load.attachBtf } : {}),
    ...(load.kfuncBtfs ? { kfuncBtfs: load.kfuncBtfs } : {}),
    ...(load.immBtfs ? { immBtfs: load.immBtfs } : {}),
  };
}

/** Reads an array of records of `size` bytes; `word(i)` is the i-th u32 of one. */
function records<T>(
  bytes: Uint8Array | undefined,
  size: number,
  read: (word: (index: number) => number) => T,
): T[] {
  if (!bytes) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / size) }, (_, i) =>
    read((word) => view.getUint32(i * size + word * 4, true)),
  );
}

/** A file that is no map: a map without a type. */
const NO_MAP: MapInfo = {
  name: '',
  type: 0,
  keySize: 0,
  valueSize: 0,
  maxEntries: 0,
  flags: 0,
  extra: 0n,
  keyTypeId: 0,
  valueTypeId: 0,
  frozen: false,
};

function mapInfo(
  map: RecordedMap | null,
  blob: (index: number | undefined) => Uint8Array | undefined,
): MapInfo {
  if (map === null) return NO_MAP;
  const btf = blob(map.btf);
  const data = blob(map.data);
  return {
    name: map.name,
    type: map.type,
    keySize: map.key,
    valueSize: map.value,
    maxEntries: map.entries,
    flags: map.flags,
    extra: BigInt(map.extra ?? 0),
    ...(map.inner === undefined ? {} : { inner: map.inner }),
    ...(btf ? { btf } : {}),
    keyTypeId: map.keyType ?? 0,
    valueTypeId: map.valueType ?? 0,
    ...(data ? { data } : {}),
    frozen: map.frozen === 1,
  };
}
