/** What the verifier view asks its worker. Texts of long lists are asked for in windows. */
import type { Diagnosis } from '../../verifier/diagnosis/diagnose.ts';
import type { ReportRecord } from '../../verifier/report-record.ts';
import type { Coverage } from '../../verifier/trace/coverage.ts';
import type { Paths } from '../../verifier/trace/paths.ts';
import type { Heat } from '../../verifier/trace/trace.ts';
import type { TraceState } from '../../verifier/trace/trace-state.ts';
import type { KernelChoice } from '../kernel/bench.ts';
import type { Subject } from '../state.ts';
import type { LogComparison } from './compare-log.ts';

export interface VerifyRequest extends KernelChoice {
  readonly subject: Subject;
  readonly unprivileged: boolean;
}

export interface ProgramReport {
  readonly name: string;
  readonly section: string;
  readonly verdict: 'accepted' | 'rejected' | 'not-loaded';
  /** "EACCES"; empty when it was accepted. */
  readonly errno: string;
  readonly message: string;
  readonly stats: { readonly insns: number; readonly states: number; readonly stack: string } | undefined;
  readonly diagnosis: Diagnosis | undefined;
  /** As reports have it. */
  readonly record: ReportRecord;
}

export interface VerifyAnswer {
  /** As messages name it. */
  readonly file: string;
  readonly programs: readonly ProgramReport[];
  readonly milliseconds: number;
}

/** What the worker is at: "verifying handle_exec (3 of 24)". */
export interface VerifyProgress {
  readonly doing: string;
}

/** A list whose lines come in windows. */
export type Listing = 'insns' | 'log' | 'source';

/** A line of the disassembly. */
export interface InsnRow {
  readonly kind: 'function' | 'source' | 'insn';
  readonly text: string;
  /** Of instructions: first slot. */
  readonly slot: number;
  /** "b7" */
  readonly opcode: string;
}

export interface TraceSummary {
  readonly program: string;
  readonly steps: number;
  /** Earlier steps are missing: there were too many. */
  readonly lost: boolean;
  readonly paths: Paths;
  readonly heat: Heat;
  readonly insnRows: number;
  readonly logRows: number;
  /** The log is longer than its buffer: its beginning is not kept, as in Linux. */
  readonly logCut: boolean;
  readonly sourceRows: number;
  /** Number of the line in each row of the source, 0 for rows that stand for what is not known. */
  readonly sourceLines: Int32Array;
  /** Name of the source file that is shown. */
  readonly sourceFile: string;
  /** Row of the disassembly, and of the source (-1: none), of each slot. */
  readonly rowOfSlot: Int32Array;
  readonly sourceOfSlot: Int32Array;
  /** Steps of the rejection's history, in the order of the diagnosis; -1 for what holds at the start. */
  readonly causes: readonly number[];
  /** Rows of the log in which these steps stand; -1 for what is not kept. */
  readonly causeLogRows: readonly number[];
  /** Row of the log at which it is rejected; -1 when no step was taken there. */
  readonly failedLogRow: number;
}

/** What happened between a step and the next one. */
export interface StepEvent {
  readonly text: string;
  readonly kind: 'branch' | 'kept' | 'pruned' | 'exit' | 'precise' | 'resume' | 'function';
  /** A step that it is about: where a covering state was kept. */
  readonly step?: number;
  /** The path that ended, of `pruned`. */
  readonly path?: number;
}

export interface StepView {
  readonly step: number;
  readonly insn: number;
  readonly path: number;
  readonly state: TraceState;
  readonly events: readonly StepEvent[];
  /** -1 when the log does not go back to it. */
  readonly logRow: number;
  /** Instructions whose registers became precise because of this step: slot and registers. */
  readonly precise: readonly { readonly insn: number; readonly registers: readonly string[] }[];
}

export interface Search {
  readonly listing: Listing;
  readonly text: string;
  /** Row to begin with, itself not counted. */
  readonly from: number;
  readonly direction: 1 | -1;
}

export interface VerifyService {
  verify(request: VerifyRequest): Promise<VerifyAnswer>;
  /** A program of the last request as assembly, to go on with. */
  assembly(program: string): string;
  /** Follows a program of the last request again, with everything that happens. */
  trace(program: string): TraceSummary;
  step(step: number): StepView;
  /** Why a path was not followed any further; undefined when that is lost. */
  coverage(path: number): Coverage | undefined;
  insnRows(from: number, count: number): InsnRow[];
  textRows(listing: 'log' | 'source', from: number, count: number): string[];
  /** The next step from one on at which an instruction is processed; -1 for none. */
  findInsn(insn: number, from: number, direction: 1 | -1): number;
  /** The step that gave a register or slot ("R1", "fp-8") what it holds before a step; -1 when it was there from the start. */
  lastChange(step: number, frame: number, place: string): number;
  /** Row that has the text, whatever its case; -1 for none. Goes round at the end. */
  search(search: Search): number;
  /** Step whose log holds a row. */
  stepOfLogRow(row: number): number;
  compareLog(theirs: string): LogComparison;
  /** The whole log, for export. */
  log(): string;
}
