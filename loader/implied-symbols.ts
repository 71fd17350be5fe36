/**
 * Functions of a section of code that has no function symbols: an assembler writes plain labels unless it is told what
 * they are. A function reaches from one global label to the next.
 */
import { type ElfFile, type ElfSection, type ElfSymbol, SymbolBind, SymbolType } from './elf.ts';

/** Symbols as a compiler would have written them; code before the first label goes by the section's name. */
export function impliedSymbols(elf: ElfFile, section: ElfSection): ElfSymbol[] {
  const labels = elf.symbols
    .filter((symbol) => symbol.section === section.index && isLabel(symbol))
    .sort((a, b) => a.value - b.value)
    .filter(({ value }, index, all) => value !== all[index - 1]?.value);
  if (labels[0]?.value !== 0) labels.unshift(sectionStart(section));
  return labels.map((label, index) => ({
    ...label,
    type: SymbolType.Func,
    size: (labels[index + 1]?.value ?? section.size) - label.value,
  }));
}

/** Local ones stand at the targets of jumps. */
function isLabel({ type, bind, name }: ElfSymbol): boolean {
  return type === SymbolType.NoType && bind !== SymbolBind.Local && name !== '';
}

function sectionStart({ index, name }: ElfSection): ElfSymbol {
  const kind = { bind: SymbolBind.Global, type: SymbolType.Func, visibility: 0 };
  return { index: 0, name, ...kind, section: index, value: 0, size: 0 };
}
