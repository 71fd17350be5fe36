/** The source of a program, as its line info remembers it. */
import type { Btf } from '../../bpf/btf.ts';
import { lastIndex } from '../../bpf/last-index.ts';
import type { LineInfo } from '../../loader/program.ts';

export interface SourceLine {
  file: string;
  line: number;
  text: string;
}

export interface ExcerptLine {
  line: number;
  text: string;
  /** The line it is about. */
  marked: boolean;
}

/** Lines shown before and after the one it is about. */
const AROUND = 2;

export class SourceMap {
  private readonly lines: readonly LineInfo[];
  private readonly btf: Btf | undefined;

  /** @param btf the program's own, whose strings the line info refers to. */
  constructor(lines: readonly LineInfo[], btf: Btf | undefined) {
    this.lines = lines;
    this.btf = btf;
  }

  /** Source line of an instruction; undefined without line info. */
  at(insn: number): SourceLine | undefined {
    const info = this.infoOf(insn);
    return info && this.lineOf(info);
  }

  private infoOf(insn: number): LineInfo | undefined {
    if (insn < 0 || !this.btf) return undefined;
    // Line info is ascending; a program whose is not is not accepted.
    const { lines } = this;
    return lines[lastIndex(lines.length, (index) => (lines[index]?.insn ?? 0) <= insn)];
  }

  private lineOf(info: LineInfo): SourceLine {
    return {
      file: this.btf?.string(info.fileNameOffset) ?? '',
      line: info.line,
      text: (this.btf?.string(info.lineOffset) ?? '').trimEnd(),
    };
  }

  /** The line of an instruction, with what line info has of the lines around it. */
  excerpt(insn: number): ExcerptLine[] {
    const centre = this.infoOf(insn);
    if (!centre || !this.btf) return [];
    const texts = new Map<number, string>();
    for (const info of this.lines) {
      const near = Math.abs(info.line - centre.line) <= AROUND;
      if (near && info.fileNameOffset === centre.fileNameOffset) texts.set(info.line, this.lineOf(info).text);
    }
    return [...texts]
      .sort(([a], [b]) => a - b)
      .map(([line, text]) => ({ line, text, marked: line === centre.line }));
  }
}
