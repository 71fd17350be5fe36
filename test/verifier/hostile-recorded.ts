/** Recorded loads as the material for hostile ones, with what Linux 6.12 answered to them. */
import type { LoadRequest } from '../../verifier/index.ts';
import { loadName, openArchive } from '../conformance/archive.ts';
import { recordedRequest } from '../conformance/recorded-request.ts';
import { recordedFolder } from '../package-root.ts';

const STATS_LOG = 4;

/** A load with Linux's answer. */
export interface Recorded {
  name: string;
  request: LoadRequest;
  errno: number;
  insnsProcessed: number;
}

export interface Archive {
  loads: Recorded[];
  /** Split BTF of modules by name. */
  modules: Map<string, Uint8Array>;
}

/** Every `step`-th recorded load. */
export function readArchive(step: number): Archive {
  const { loads, blobs, modules } = openArchive(recordedFolder());
  const chosen = loads.filter((_, i) => i % step === 0);
  return {
    loads: chosen.map((load) => ({
      name: loadName(load),
      request: { ...recordedRequest(load, blobs), logLevel: STATS_LOG },
      errno: load.errno,
      insnsProcessed: load.stats?.[0] ?? 0,
    })),
    modules,
  };
}
