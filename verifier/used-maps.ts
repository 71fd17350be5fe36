/** The maps that a program's instructions name. */
import { Class, Mode, Pseudo, Size } from '../bpf/isa.ts';
import { VerifierLimit } from './types.ts';

const SLOT = 8;
const LD_IMM64 = Class.Ld | Mode.Imm | Size.Dw;

function namesMap(kind: number): boolean {
  switch (kind) {
    case Pseudo.MapFd:
    case Pseudo.MapValue:
    case Pseudo.MapIdx:
    case Pseudo.MapIdxValue:
      return true;
    default:
      return false;
  }
}

/**
 * Indexes into the request's maps, in the order of first use. No more than a program can have: what follows is
 * not looked at.
 */
export function usedMaps(insns: Uint8Array): Set<number> {
  const view = new DataView(insns.buffer, insns.byteOffset, insns.byteLength);
  const used = new Set<number>();
  for (let at = 0; at + SLOT <= insns.length && used.size <= VerifierLimit.UsedMaps; at += SLOT) {
    if (view.getUint8(at) !== LD_IMM64) continue;
    if (namesMap(view.getUint8(at + 1) >> 4)) used.add(view.getUint32(at + 4, true));
    at += SLOT;
  }
  return used;
}
