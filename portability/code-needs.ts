/** What the instructions of a program need: helpers, kernel functions and symbols, types, the instruction set. */
import { helperName } from '../bpf/helpers.ts';
import { CallKind } from '../bpf/isa.ts';
import type { LinkedCode } from '../loader/link.ts';
import type { ObjectFile } from '../loader/open.ts';
import { patchData } from '../loader/patch-data.ts';
import { type Reloc, RelocKind } from '../loader/relocs.ts';
import { SourceMap } from '../verifier/diagnosis/source.ts';
import { certainSlots, type FunctionPart } from './certainty.ts';
import type { CoreIndex } from './core-needs.ts';
import { externNeed } from './extern-needs.ts';
import { helperSince } from './first-releases.ts';
import type { Loaded } from './frame.ts';
import type { Budget } from './function-flow.ts';
import { featureOf, type IsaFeature, IsaFeatures, SHORT_PROGRAM } from './isa-features.ts';
import { findLoop } from './loops.ts';
import type { ProgramUse, Use, When } from './need.ts';
import type { NeedTable, NewNeed } from './need-table.ts';
import type { Value } from './values.ts';

export interface ProgramCode {
  readonly object: ObjectFile;
  readonly core: CoreIndex;
  readonly program: ProgramUse;
  /** Gets the object's maps and externs filled in. */
  readonly code: LinkedCode;
  /** With its object, unless somebody says otherwise. */
  readonly isLoaded: boolean;
  /** Of all programs of the object. */
  readonly budget: Budget;
}

export function codeNeeds(table: NeedTable, program: ProgramCode): void {
  const { object, code } = program;
  const found = object.externs.map(() => ({ found: true, btfId: 0, module: 0, address: 0n }));
  patchData(code, object, found);
  new CodeReader(table, program).read();
}

class CodeReader {
  private readonly table: NeedTable;
  private readonly program: ProgramCode;
  private readonly source: SourceMap;
  private readonly certain: Uint8Array;
  private readonly relocs: ReadonlyMap<number, Reloc>;

  constructor(table: NeedTable, program: ProgramCode) {
    const { object, code, core } = program;
    this.table = table;
    this.program = program;
    this.source = new SourceMap(code.lineInfo, object.btf);
    this.relocs = new Map(code.relocs.map((reloc) => [reloc.insn, reloc]));
    const answers = new Set(
      code.parts.flatMap(({ func, start }) => core.of(func).map(({ insn }) => start + insn)),
    );
    const loaded: Loaded = (slot) => (answers.has(slot) ? 'known' : this.loadedAt(slot));
    this.certain = certainSlots({ insns: code.insns, parts: this.parts(), loaded }, program.budget);
  }

  read(): void {
    const { insns } = this.program.code;
    for (let slot = 0; slot < insns.count; slot += insns.isLdImm64(slot) ? 2 : 1) {
      if (insns.isCall(slot) && insns.src(slot) === CallKind.Helper) this.helper(slot, insns.imm(slot));
      const feature = featureOf(insns, slot);
      if (feature) this.feature(slot, feature);
    }
    if (insns.count > SHORT_PROGRAM) this.feature(0, IsaFeatures.long);
    const loop = findLoop(insns, this.parts());
    if (loop !== undefined) this.feature(loop, IsaFeatures.loop);
    for (const reloc of this.program.code.relocs) this.extern(reloc);
    this.types();
  }

  private parts(): FunctionPart[] {
    const { parts, insns } = this.program.code;
    return parts.map(({ func, start }, index) => ({
      start,
      end: parts[index + 1]?.start ?? insns.count,
      isGlobal: func.isGlobal && !func.isHidden,
    }));
  }

  private helper(slot: number, id: number): void {
    const known = helperName(id);
    const name = known === undefined || id === 0 ? `helper#${id}` : known.replace(/^(bpf_)?/, 'bpf_');
    const since = helperSince(id);
    this.add({ subject: { kind: 'helper', number: id }, name, since }, slot);
  }

  private feature(slot: number, feature: IsaFeature): void {
    const need = { subject: { kind: 'instruction' }, name: feature.name, since: feature.since } as const;
    const isWeak = this.externAt(slot)?.weak === true;
    this.addUse(need, slot, isWeak ? 'optional' : feature.onPath ? this.when(slot) : 'certain');
  }

  private extern({ insn, kind }: Reloc): void {
    const extern = this.externAt(insn);
    if (!extern) return;
    const isCalled = kind === RelocKind.ExternCall;
    // A function whose address is taken has to be there, and nobody asks whether it may be called.
    if (!isCalled && extern.kind === 'ksym' && extern.isFunc) return;
    // An address that is not there is zero: only a call needs a weak symbol.
    if (isCalled || !extern.weak) this.add(externNeed(extern), insn);
    else this.addUse(externNeed(extern), insn, 'optional');
  }

  private types(): void {
    const { code, core } = this.program;
    for (const { func, start } of code.parts) {
      for (const { insn, relo, need } of core.of(func)) {
        const slot = start + insn;
        const use = this.use(slot, need.isQuestion ? 'optional' : this.when(slot));
        const asked = { func, insn, relo, isCertain: use.when === 'certain' };
        this.table.addAsked(need, asked, use, () => this.source.at(slot));
      }
    }
  }

  private add(need: NewNeed, slot: number): void {
    this.addUse(need, slot, this.when(slot));
  }

  private addUse(need: NewNeed, slot: number, when: When): void {
    this.table.add(need, this.use(slot, when), () => this.source.at(slot));
  }

  private when(slot: number): When {
    return this.certain[slot] === 1 ? 'certain' : 'guarded';
  }

  private use(slot: number, when: When): Use {
    const { program, isLoaded } = this.program;
    return { program, insn: slot, when: isLoaded ? when : 'optional' };
  }

  private externAt(slot: number) {
    const reloc = this.relocs.get(slot);
    const isExtern = reloc?.kind === RelocKind.ExternCall || reloc?.kind === RelocKind.ExternLoad;
    return isExtern ? this.program.object.externs[reloc.target] : undefined;
  }

  /** What a ld_imm64 that refers to something loads; undefined for a constant. */
  private loadedAt(slot: number): Value | undefined {
    const reloc = this.relocs.get(slot);
    if (!reloc) return undefined;
    const extern = this.externAt(slot);
    if (extern) return extern.kind === 'kconfig' ? 'data' : extern.weak ? 'known' : 'any';
    const map =
      reloc.kind === RelocKind.MapValue ? this.program.object.maps.entries[reloc.target] : undefined;
    return map?.def.frozen === true ? 'data' : 'any';
  }
}
