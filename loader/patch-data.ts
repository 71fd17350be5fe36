/** Fills maps, externs and kfuncs into linked code. */
import { CallKind, Pseudo } from '../bpf/isa.ts';
import type { Extern } from './externs.ts';
import type { Insns } from './insns.ts';
import type { LinkedCode } from './link.ts';
import type { MapTable } from './maps.ts';
import { MISSING_KFUNC } from './missing.ts';
import { type Reloc, RelocKind } from './relocs.ts';
import type { Resolved } from './resolve.ts';

interface Context {
  externs: readonly Extern[];
  maps: MapTable;
}

export function patchData(code: LinkedCode, context: Context, resolved: readonly Resolved[]): void {
  const { insns } = code;
  markForeignMaps(insns, new Set(code.relocs.map((reloc) => reloc.insn)));
  for (const reloc of code.relocs) {
    switch (reloc.kind) {
      case RelocKind.Map:
        insns.setSrc(reloc.insn, Pseudo.MapFd);
        insns.setImm(reloc.insn, reloc.target);
        break;
      case RelocKind.MapValue:
        setMapValue(insns, reloc.insn, reloc.target, insns.imm(reloc.insn) + reloc.offset);
        break;
      case RelocKind.ExternLoad:
        loadExtern(insns, reloc, context, resolved[reloc.target] as Resolved);
        break;
      case RelocKind.ExternCall:
        callExtern(code, reloc, context, resolved[reloc.target] as Resolved);
        break;
    }
  }
}

/**
 * A map that the code names itself, by a file descriptor, is none of the object's: its negative number is not
 * mistaken for an index.
 */
function markForeignMaps(insns: Insns, relocated: ReadonlySet<number>): void {
  for (let insn = 0; insn < insns.count; insn++) {
    if (!insns.isLdImm64(insn)) continue;
    const source = insns.src(insn);
    const fd = insns.imm(insn);
    const isMap = source === Pseudo.MapFd || source === Pseudo.MapValue;
    if (isMap && fd >= 0 && !relocated.has(insn)) insns.setImm(insn, ~fd);
    insn++;
  }
}

function setMapValue(insns: Insns, insn: number, map: number, offset: number): void {
  insns.setSrc(insn, Pseudo.MapValue);
  insns.setImm(insn, map);
  insns.setImm(insn + 1, offset);
}

function loadExtern(insns: Insns, { insn, target }: Reloc, context: Context, resolved: Resolved): void {
  const extern = context.externs[target] as Extern;
  if (extern.kind === 'kconfig') {
    setMapValue(insns, insn, context.maps.kconfig, extern.offset);
    return;
  }
  if (extern.typeId !== 0 && resolved.found) {
    insns.setSrc(insn, Pseudo.BtfId);
    insns.setImm(insn, resolved.btfId);
    insns.setImm(insn + 1, resolved.module);
    return;
  }
  insns.setImm(insn, Number(BigInt.asIntN(32, resolved.address)));
  insns.setImm(insn + 1, Number(BigInt.asIntN(32, resolved.address >> 32n)));
}

function callExtern(
  { insns, missing }: LinkedCode,
  { insn, target }: Reloc,
  { externs }: Context,
  resolved: Resolved,
): void {
  if (!resolved.found) {
    insns.poison(insn, MISSING_KFUNC + target);
    missing.push({ insn, kind: 'kfunc', what: (externs[target] as Extern).name });
    return;
  }
  insns.setSrc(insn, CallKind.Kfunc);
  insns.setImm(insn, resolved.btfId);
  insns.setOffset(insn, resolved.module);
}
