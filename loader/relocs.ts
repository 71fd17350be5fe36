/** ELF relocations of code: which map, extern or subprogram an instruction speaks of. */
import { CallKind } from '../bpf/isa.ts';
import {
  type ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  SectionType,
  SHN_LORESERVE,
  SymbolBind,
  SymbolType,
} from './elf.ts';
import { isExtern } from './externs.ts';
import { type BpfFunction, type FunctionTable, isCode } from './functions.ts';
import { SLOT } from './insns.ts';
import { LEGACY_SECTION } from './legacy-maps.ts';
import { MAPS_SECTION } from './map-def.ts';
import type { MapTable } from './maps.ts';

export const enum RelocKind {
  /** ld_imm64 of a map. */
  Map,
  /** ld_imm64 of an address within a map's value. */
  MapValue,
  ExternLoad,
  ExternCall,
  /** Call of a subprogram. */
  Call,
  /** ld_imm64 of a subprogram's address. */
  FunctionAddress,
}

export interface Reloc {
  kind: RelocKind;
  /** Slot within the function. */
  insn: number;
  /** Map or extern, as an index; byte offset in ".text" for Call and FunctionAddress. */
  target: number;
  /** MapValue: bytes from the start of the value, to be added to the instruction's own. */
  offset: number;
}

interface Context {
  elf: ElfFile;
  functions: FunctionTable;
  maps: MapTable;
  /** Extern by the index of its ELF symbol. */
  externIndex: ReadonlyMap<number, number>;
}

/** Reads the relocations of all code sections into their functions. @throws {InputError} */
export function collectCodeRelocs(context: Context): void {
  const { elf, functions } = context;
  for (const section of elf.sections) {
    if (!isRelocTable(section)) continue;
    const code = elf.sections[section.info];
    if (!code) throw elf.error(`the table relocates section ${section.info}, which there is not`, section);
    if (!isCode(code)) continue;
    for (const relocation of elf.relocations(section)) {
      const { offset } = relocation;
      if (offset % SLOT !== 0 || offset >= code.size) {
        throw elf.error(`relocation at offset 0x${offset.toString(16)} is no instruction`, code, offset);
      }
      // Code of an overridden weak function belongs to none.
      const func = functions.find(code.index, offset / SLOT);
      if (func) func.relocs.push(classify(context, func, code, relocation));
    }
  }
  for (const func of functions.all) sortRelocs(elf, func);
}

function sortRelocs(elf: ElfFile, func: BpfFunction): void {
  func.relocs.sort((a, b) => a.insn - b.insn);
  const twice = func.relocs.find((reloc, index) => reloc.insn === func.relocs[index - 1]?.insn);
  if (!twice) return;
  throw elf.error(
    `prog '${func.name}': insn ${twice.insn} is relocated twice`,
    func.sectionName,
    (func.start + twice.insn) * SLOT,
  );
}

export function isRelocTable(section: ElfSection): boolean {
  return section.type === SectionType.Rel || section.type === SectionType.Rela;
}

function classify(context: Context, func: BpfFunction, code: ElfSection, relocation: ElfRelocation): Reloc {
  const { elf } = context;
  const { symbol, offset, addend } = relocation;
  const { insns } = func;
  const insn = offset / SLOT - func.start;
  const reloc = (kind: RelocKind, target: number, added = 0): Reloc => ({
    kind,
    insn,
    target,
    offset: added,
  });
  const fail = (reason: string) => elf.error(`prog '${func.name}': ${reason}`, code, offset);
  const isCall = insns.isCall(insn);
  const name = symbolName(elf, symbol);
  if (!isCall && !insns.isLdImm64(insn)) {
    const opcode = insns.code(insn).toString(16);
    throw fail(`invalid relo against '${name}' for insns[${insn}].code 0x${opcode}`);
  }
  if (!isCall && insn + 1 >= insns.count) throw fail('a 64-bit load lacks its second half');
  if (addend !== undefined) insns.setImm(insn, addend);
  if (isExtern(symbol)) {
    const index = context.externIndex.get(symbol.index);
    if (index === undefined) throw fail(`extern relo failed to find extern for '${name}'`);
    return reloc(isCall ? RelocKind.ExternCall : RelocKind.ExternLoad, index);
  }
  if (isCall) {
    checkCall(context, func, insn, symbol, fail);
    return reloc(RelocKind.Call, symbol.value);
  }
  if (symbol.section === 0 || symbol.section >= SHN_LORESERVE) {
    throw fail(
      `invalid relo against '${name}' in special section 0x${symbol.section.toString(16)}; forgot to initialize global var?..`,
    );
  }
  if (isSubprogSymbol(symbol, context.functions.textSection)) {
    if (symbol.value % SLOT !== 0 || insns.imm(insn) % SLOT !== 0) {
      throw fail(`bad subprog addr relo against '${name}' at offset ${symbol.value}+${insns.imm(insn)}`);
    }
    return reloc(RelocKind.FunctionAddress, symbol.value);
  }
  return mapReloc(context, symbol, reloc, fail);
}

function checkCall(
  { elf, functions }: Context,
  func: BpfFunction,
  insn: number,
  symbol: ElfSymbol,
  fail: (reason: string) => Error,
): void {
  const name = symbolName(elf, symbol);
  if (func.insns.src(insn) !== CallKind.Local) throw fail('incorrect bpf_call opcode');
  if (symbol.section === 0 || symbol.section !== functions.textSection) {
    throw fail(`bad call relo against '${name}' in section '${elf.sectionName(symbol.section)}'`);
  }
  if (symbol.value % SLOT !== 0) throw fail(`bad call relo against '${name}' at offset ${symbol.value}`);
}

/** Static functions are named by their section, global ones by themselves. */
function isSubprogSymbol(symbol: ElfSymbol, textSection: number): boolean {
  if (symbol.section !== textSection) return false;
  if (symbol.bind === SymbolBind.Local) return symbol.type === SymbolType.Section;
  return symbol.type === SymbolType.Func;
}

function mapReloc(
  { elf, maps }: Context,
  symbol: ElfSymbol,
  reloc: (kind: RelocKind, target: number, offset?: number) => Reloc,
  fail: (reason: string) => Error,
): Reloc {
  const section = elf.sectionName(symbol.section);
  if (symbol.section === maps.arenaSection) {
    return reloc(RelocKind.MapValue, maps.arena, symbol.value);
  }
  const data = maps.ofDataSection(symbol.section);
  if (data !== undefined) return reloc(RelocKind.MapValue, data, symbol.value);
  if (section !== MAPS_SECTION && section !== LEGACY_SECTION) {
    throw fail(`bad map relo against '${symbolName(elf, symbol)}' in section '${section}'`);
  }
  const map = maps.at(symbol.section, symbol.value);
  if (map === undefined) {
    throw fail(`map relo failed to find map for section '${section}', off ${symbol.value}`);
  }
  return reloc(RelocKind.Map, map);
}

function symbolName(elf: ElfFile, symbol: ElfSymbol): string {
  if (symbol.type === SymbolType.Section && symbol.name === '') return elf.sectionName(symbol.section);
  return symbol.name || '<?>';
}
