/**
 * The functions of an object: each function symbol of an executable section is one. Those of ".text" are
 * subprograms, all others are programs of their own.
 */
import { isHidden } from './btf-fixup.ts';
import {
  type ElfFile,
  type ElfSection,
  type ElfSymbol,
  SectionType,
  SHF_EXECINSTR,
  SymbolBind,
  SymbolType,
} from './elf.ts';
import { impliedSymbols, labelsBySection } from './implied-symbols.ts';
import { fromBigEndian, Insns, SLOT } from './insns.ts';
import type { MissingReference } from './missing.ts';
import type { Reloc } from './relocs.ts';
import { findSectionDef, type SectionDef } from './sections.ts';

export const TEXT_SECTION = '.text';

export interface BpfFunction {
  name: string;
  /** Index of the ELF section. */
  section: number;
  /** Name of the section without a leading "?". */
  sectionName: string;
  /** First slot within the section, and number of slots. */
  start: number;
  insns: Insns;
  isSubprog: boolean;
  isGlobal: boolean;
  /** Global, but verified like a static function (`__hidden`). */
  isHidden: boolean;
  autoload: boolean;
  def: SectionDef | undefined;
  /** By rising `insn`. */
  relocs: Reloc[];
  /** CO-RE relocations for which the kernel has nothing, `insn` counted from the start of the function. */
  missing: MissingReference[];
}

export class FunctionTable {
  /** By section, then by place in it. */
  readonly all: BpfFunction[] = [];
  /** Index of the section of subprograms, 0 when there is none. */
  readonly textSection: number;
  private readonly bySection = new Map<number, BpfFunction[]>();
  private readonly programs = new Map<string, BpfFunction>();
  private readonly subprogs = new Map<string, BpfFunction>();

  /** @param legacy as `LoadOptions.legacy` */
  constructor(elf: ElfFile, legacy: boolean) {
    const symbols = functionSymbols(elf);
    const labels = legacy ? labelsBySection(elf) : undefined;
    for (const section of elf.sections) {
      if (!isCode(section)) continue;
      const known =
        symbols.get(section.index) ??
        (labels ? impliedSymbols(section, labels.get(section.index) ?? []) : []);
      const functions = collect(elf, section, known, legacy);
      this.bySection.set(section.index, functions);
      for (const func of functions) this.add(func);
    }
    this.textSection = this.all.find((func) => func.isSubprog)?.section ?? 0;
  }

  /** The program of a name, subprograms not counted. */
  program(name: string): BpfFunction | undefined {
    return this.programs.get(name);
  }

  /** The first subprogram of a name: static ones of linked objects may share theirs. */
  subprog(name: string): BpfFunction | undefined {
    return this.subprogs.get(name);
  }

  private add(func: BpfFunction): void {
    this.all.push(func);
    const names = func.isSubprog ? this.subprogs : this.programs;
    if (!names.has(func.name)) names.set(func.name, func);
  }

  /** The function that slot `slot` of a section belongs to. */
  find(section: number, slot: number): BpfFunction | undefined {
    const functions = this.bySection.get(section) ?? [];
    let low = 0;
    let high = functions.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((functions[middle] as BpfFunction).start <= slot) low = middle;
      else high = middle - 1;
    }
    const found = functions[low];
    return found && slot >= found.start && slot < found.start + found.insns.count ? found : undefined;
  }
}

function functionSymbols(elf: ElfFile): Map<number, ElfSymbol[]> {
  const bySection = new Map<number, ElfSymbol[]>();
  for (const symbol of elf.symbols) {
    if (symbol.type !== SymbolType.Func) continue;
    const symbols = bySection.get(symbol.section);
    if (symbols) symbols.push(symbol);
    else bySection.set(symbol.section, [symbol]);
  }
  return bySection;
}

export function isCode(section: ElfSection): boolean {
  return section.type === SectionType.Progbits && section.size > 0 && (section.flags & SHF_EXECINSTR) !== 0;
}

function collect(
  elf: ElfFile,
  section: ElfSection,
  symbols: readonly ElfSymbol[],
  legacy: boolean,
): BpfFunction[] {
  const code = elf.littleEndian ? section.data.slice() : fromBigEndian(section.data);
  const isSubprog = section.name === TEXT_SECTION;
  const fail = (reason: string, offset: number) =>
    elf.error(`sec '${section.name}': ${reason}`, section, offset);
  const functions: BpfFunction[] = [];
  for (const symbol of symbols) {
    const { name, value, size } = symbol;
    if (value + size > section.size) {
      throw fail(`program at offset ${value} crosses section boundary`, value);
    }
    if (!isSubprog && symbol.bind === SymbolBind.Local) {
      throw fail(`program '${name}' is static and not supported`, value);
    }
    if (size === 0 || size % SLOT !== 0 || value % SLOT !== 0) {
      throw fail(`corrupted program '${name}', offset ${value}, size ${size}`, value);
    }
    const sectionName = section.name.replace(/^\?/, '');
    const isGlobal = symbol.bind !== SymbolBind.Local;
    functions.push({
      name,
      section: section.index,
      sectionName,
      start: value / SLOT,
      insns: new Insns(code.subarray(value, value + size)),
      isSubprog,
      isGlobal,
      isHidden: isGlobal && isHidden(symbol),
      autoload: !section.name.startsWith('?'),
      def: isSubprog ? undefined : findSectionDef(sectionName, legacy),
      relocs: [],
      missing: [],
    });
  }
  functions.sort((a, b) => a.start - b.start);
  checkOverlap(elf, section, functions);
  return functions;
}

function checkOverlap(elf: ElfFile, section: ElfSection, functions: BpfFunction[]): void {
  for (const [index, func] of functions.entries()) {
    const before = functions[index - 1];
    if (before && before.start + before.insns.count > func.start) {
      throw elf.error(`functions '${before.name}' and '${func.name}' overlap`, section, func.start * SLOT);
    }
  }
}
