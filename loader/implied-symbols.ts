/**
 * Functions of a section of code that has no function symbols: an assembler writes plain labels unless it is told what
 * they are. A function reaches from one global label to the next.
 */
import { type ElfFile, type ElfSection, type ElfSymbol, SymbolBind, SymbolType } from './elf.ts';

/** Labels by section: a file may have many of both. */
export function labelsBySection(elf: ElfFile): Map<number, ElfSymbol[]> {
  const labels = new Map<number, ElfSymbol[]>();
  for (const symbol of elf.symbols) {
    if (!isLabel(symbol)) continue;
    const others = labels.get(symbol.section);
    if (others) others.push(symbol);
    else labels.set(symbol.section, [symbol]);
  }
  return labels;
}

/**
 * Symbols as a compiler would have written them; code before the first label goes by the section's name.
 * @param labels those of the section.
 */
export function impliedSymbols(section: ElfSection, labels: readonly ElfSymbol[]): ElfSymbol[] {
  const starts = labels
    .toSorted((a, b) => a.value - b.value)
    .filter(({ value }, index, all) => value !== all[index - 1]?.value);
  if (starts[0]?.value !== 0) starts.unshift(sectionStart(section));
  return starts.map((label, index) => ({
    ...label,
    type: SymbolType.Func,
    size: (starts[index + 1]?.value ?? section.size) - label.value,
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
