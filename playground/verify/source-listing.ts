/** The source that is shown: a whole file where there is one, else what line info remembers of it. */
import type { SlotSource } from './insn-listing.ts';
import type { LoadedSubject } from './subject.ts';

export class SourceListing {
  /** Name of the file; empty when there is no source. */
  readonly file: string;
  /** Row of each slot, -1 for none. */
  readonly rowOfSlot: Int32Array;
  /** Number of the line in each row, 0 for gaps. */
  readonly lineOfRow: Int32Array;
  private readonly lines: readonly string[];

  constructor(
    slots: number,
    info: SlotSource,
    source: LoadedSubject['source'],
    lineOfSlot: readonly number[] | undefined,
  ) {
    this.rowOfSlot = new Int32Array(slots).fill(-1);
    if (source && (lineOfSlot || isOf(info, slots, source.file))) {
      this.file = source.file;
      this.lines = source.text.split('\n');
      this.lineOfRow = Int32Array.from(this.lines, (_, row) => row + 1);
      for (let slot = 0; slot < slots; slot++) {
        const line = lineOfSlot ? lineOfSlot[slot] : lineIn(info, slot, source.file);
        if (line !== undefined && line >= 1 && line <= this.lines.length) this.rowOfSlot[slot] = line - 1;
      }
      return;
    }
    const { file, lines, numbers } = this.remembered(slots, info);
    this.file = file;
    this.lines = lines;
    this.lineOfRow = Int32Array.from(numbers);
  }

  get length(): number {
    return this.lines.length;
  }

  rows(from: number, count: number): string[] {
    return this.lines.slice(from, from + count);
  }

  /** Lines of the file that most instructions are of, in order, with gaps where nothing is known. */
  private remembered(slots: number, info: SlotSource): { file: string; lines: string[]; numbers: number[] } {
    const counts = new Map<string, number>();
    for (let slot = 0; slot < slots; slot++) {
      const file = info.at(slot)?.file;
      if (file !== undefined) counts.set(file, (counts.get(file) ?? 0) + 1);
    }
    const file = [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? '';
    const texts = new Map<number, string>();
    for (let slot = 0; slot < slots; slot++) {
      const line = info.at(slot);
      if (line && line.file === file) texts.set(line.line, line.text);
    }
    const rowOfLine = new Map<number, number>();
    const lines: string[] = [];
    const numbers: number[] = [];
    const add = (text: string, number: number) => {
      lines.push(text);
      numbers.push(number);
    };
    let before = 0;
    for (const [line, text] of [...texts].sort(([a], [b]) => a - b)) {
      if (before > 0 && line > before + 1) add('⋮', 0);
      rowOfLine.set(line, lines.length);
      add(text, line);
      before = line;
    }
    for (let slot = 0; slot < slots; slot++) {
      const line = info.at(slot);
      if (line && line.file === file) this.rowOfSlot[slot] = rowOfLine.get(line.line) ?? -1;
    }
    return { file: nameOf(file), lines, numbers };
  }
}

function nameOf(path: string): string {
  return path.replace(/.*[/\\]/, '');
}

/** Examples are named after their folder too: "rejected-null.bpf.c" is null.bpf.c. */
function isSame(path: string, source: string): boolean {
  const name = nameOf(path);
  return source === name || source.endsWith(`-${name}`);
}

function isOf(info: SlotSource, slots: number, source: string): boolean {
  for (let slot = 0; slot < slots; slot++) {
    const file = info.at(slot)?.file;
    if (file !== undefined && isSame(file, source)) return true;
  }
  return false;
}

function lineIn(info: SlotSource, slot: number, source: string): number | undefined {
  const line = info.at(slot);
  return line && isSame(line.file, source) ? line.line : undefined;
}
