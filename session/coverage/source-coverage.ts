/** Coverage by source line, merged over programs and runs. */
import type { Btf } from '../../bpf/btf.ts';
import { lastIndex } from '../../bpf/last-index.ts';
import type { LineInfo } from '../../loader/index.ts';
import { conditionalJumps, type ExecutionCounts } from './execution-counts.ts';

export interface FunctionCoverage {
  name: string;
  line: number;
  calls: number;
}

export interface BranchCoverage {
  line: number;
  /** How often the instruction went on with the next one, and how often it jumped. */
  fell: number;
  jumped: number;
}

export interface FileCoverage {
  /** As the compiler was given it. */
  readonly path: string;
  /** Line -> how often it was executed. */
  readonly lines: Map<number, number>;
  readonly functions: FunctionCoverage[];
  readonly branches: BranchCoverage[];
}

/** @param verified slots that the verifier followed: others are no code, Linux takes them out of the program. */
export interface CoveredProgram {
  counts: ExecutionCounts;
  btf: Btf | undefined;
  verified?: (slot: number) => boolean;
}

export class SourceCoverage {
  private readonly files = new Map<string, FileCoverage>();
  /** Programs without line info, which have no source to speak of. */
  readonly withoutSource: string[] = [];

  /** Adds what was counted of a program. */
  add({ counts, btf, verified = () => true }: CoveredProgram): void {
    const { source } = counts.program;
    if (!btf || source.lineInfo.length === 0) {
      this.withoutSource.push(source.name);
      return;
    }
    const place = new Places(source.lineInfo, btf);
    this.addLines(counts, place, verified);
    this.addFunctions(counts, place);
    this.addBranches(counts, place, verified);
  }

  /** By path. */
  results(): FileCoverage[] {
    return [...this.files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** The pieces of a line may be executed differently often: it counts as often as the one that was most often. */
  private addLines(
    { executed, program }: ExecutionCounts,
    place: Places,
    verified: (slot: number) => boolean,
  ): void {
    const most = new Map<string, { path: string; line: number; count: number }>();
    for (const { insn } of program.source.lineInfo) {
      const { path, line } = place.of(insn);
      if (line === 0 || !verified(insn)) continue;
      const key = `${line} ${path}`;
      const count = Math.max(most.get(key)?.count ?? 0, executed[insn] ?? 0);
      most.set(key, { path, line, count });
    }
    for (const { path, line, count } of most.values()) {
      const { lines } = this.file(path);
      lines.set(line, (lines.get(line) ?? 0) + count);
    }
  }

  private addFunctions({ executed, program }: ExecutionCounts, place: Places): void {
    for (const { name, start } of program.source.subprogs) {
      const { path, line } = place.of(start);
      const { functions } = this.file(path);
      const known = functions.find((each) => each.name === name && each.line === line);
      if (known) known.calls += executed[start] ?? 0;
      else functions.push({ name, line, calls: executed[start] ?? 0 });
    }
  }

  private addBranches(
    { executed, jumped, program }: ExecutionCounts,
    place: Places,
    verified: (slot: number) => boolean,
  ): void {
    for (const slot of conditionalJumps(program)) {
      const { path, line } = place.of(slot);
      if (line === 0 || !verified(slot)) continue;
      const jumps = jumped[slot] ?? 0;
      this.file(path).branches.push({ line, fell: (executed[slot] ?? 0) - jumps, jumped: jumps });
    }
  }

  private file(path: string): FileCoverage {
    const known = this.files.get(path);
    if (known) return known;
    const file: FileCoverage = { path, lines: new Map(), functions: [], branches: [] };
    this.files.set(path, file);
    return file;
  }
}

/** Where instructions come from. */
class Places {
  private readonly lines: readonly LineInfo[];
  private readonly btf: Btf;

  constructor(lines: readonly LineInfo[], btf: Btf) {
    this.lines = lines;
    this.btf = btf;
  }

  of(slot: number): { path: string; line: number } {
    const { lines } = this;
    const info = lines[lastIndex(lines.length, (index) => (lines[index]?.insn ?? 0) <= slot)];
    return { path: info ? this.btf.string(info.fileNameOffset) : '', line: info?.line ?? 0 };
  }
}
