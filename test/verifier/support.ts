/** What tests of the verifier share: a verifier of 6.12, and requests made of assembly text. */
import { assemble } from '../../bpf/asm.ts';
import type { Verifier } from '../../verifier/index.ts';
import type { LoadRequest, MapInfo } from '../../verifier/load-request.ts';
import { createVerifier as openVerifier } from '../../verifier/node.ts';

export const ROOT = 15;
export const LOG_FULL = 6;
const SOCKET_FILTER = 1;

/** Of the kernel alone. */
export function createVerifier(): Promise<Verifier> {
  return openVerifier('6.12', true);
}

/** A socket filter loaded by root, at log level 6. */
export function requestOf(insns: Uint8Array, changes: Partial<LoadRequest> = {}): LoadRequest {
  return {
    insns,
    progType: SOCKET_FILTER,
    expectedAttachType: 0,
    progFlags: 0,
    license: 'GPL',
    caps: ROOT,
    logLevel: LOG_FULL,
    funcInfo: [],
    lineInfo: [],
    maps: [],
    attachBtfId: 0,
    ...changes,
  };
}

export function assembled(text: string, changes: Partial<LoadRequest> = {}): LoadRequest {
  return requestOf(assemble(text), changes);
}

/** A hash map of 4-byte keys and 8-byte values. */
export const HASH: MapInfo = {
  name: 'counts',
  type: 1,
  keySize: 4,
  valueSize: 8,
  maxEntries: 16,
  flags: 0,
  extra: 0n,
  keyTypeId: 0,
  valueTypeId: 0,
  frozen: false,
};

/** Looks up key 0 in map 0. */
export const LOOKUP = `*(u32 *)(r10 -4) = 0
r2 = r10
r2 += -4
r1 = map[0]
call bpf_map_lookup_elem#1`;
