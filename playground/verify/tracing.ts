/** One program followed step by step, with its listings. */
import type { Btf } from '../../bpf/btf.ts';
import { lastIndex } from '../../bpf/last-index.ts';
import type { Diagnosis } from '../../verifier/diagnosis/diagnose.ts';
import { type SourceLine, SourceMap } from '../../verifier/diagnosis/source.ts';
import type { EventLog } from '../../verifier/event-reader.ts';
import type { LoadRequest } from '../../verifier/load-request.ts';
import { requestBtf } from '../../verifier/program-btf.ts';
import type { Coverage } from '../../verifier/trace/coverage.ts';
import { Trace } from '../../verifier/trace/trace.ts';
import type { Verifier } from '../../verifier/verifier.ts';
import { compareLog, type LogComparison } from './compare-log.ts';
import { InsnListing, type SlotSource } from './insn-listing.ts';
import type { InsnRow, Listing, Search, StepView, TraceSummary } from './protocol.ts';
import { searchRows } from './search-rows.ts';
import { SourceListing } from './source-listing.ts';
import { stepEvents } from './step-events.ts';
import type { Candidate, LoadedSubject } from './subject.ts';
import { TextListing } from './text-listing.ts';

/** Of a load that never reaches the verifier: it is refused for what the task lacks. */
const NO_EVENTS: EventLog = { bytes: new Uint8Array(0), lost: false };
/** Lines that may stand before an instruction's own. */
const LINES_BEFORE = 8;

export class Tracing {
  readonly summary: TraceSummary;
  readonly log: string;
  private readonly request: LoadRequest;
  private readonly trace: Trace;
  private readonly insns: InsnListing;
  private readonly logLines: TextListing;
  private readonly source: SourceListing;
  /** Bytes of the log that are not kept. */
  private readonly logStart: number;

  constructor(
    verifier: Verifier,
    request: LoadRequest,
    {
      program,
      subject,
      diagnosis,
    }: { program: Candidate; subject: LoadedSubject; diagnosis: Diagnosis | undefined },
  ) {
    this.request = request;
    const verdict = verifier.verify({ ...request, events: 'all' });
    const { events = NO_EVENTS } = verdict;
    const slots = Math.ceil(request.insns.length / 8);
    this.trace = new Trace(events, slots);
    this.log = verdict.log;
    this.logLines = new TextListing(verdict.log);
    this.logStart = Math.max(0, verdict.logLength - this.logLines.bytes.length);
    const btf = requestBtf(request);
    const lines = remembered(new SourceMap(request.lineInfo, btf));
    this.source = new SourceListing(slots, lines, subject.source, program.lineOfSlot);
    this.insns = new InsnListing(request, verifier.names(request), lines, functionNames(request, btf));
    const causes = this.causes(diagnosis);
    this.summary = {
      program: program.name,
      steps: this.trace.steps,
      lost: this.trace.lost,
      paths: this.trace.paths,
      heat: this.trace.heat,
      insnRows: this.insns.rows.length,
      logRows: this.logLines.length,
      logCut: this.logStart > 0,
      sourceRows: this.source.length,
      sourceLines: this.source.lineOfRow,
      sourceFile: this.source.file,
      rowOfSlot: this.insns.rowOfSlot,
      sourceOfSlot: this.source.rowOfSlot,
      causes,
      causeLogRows: causes.map((step) => (step < 0 ? -1 : this.logRow(step))),
      failedLogRow: this.failedLogRow(diagnosis),
    };
  }

  /** The history's steps count along the failed path, which is what was followed last. */
  private causes(diagnosis: Diagnosis | undefined): number[] {
    if (!diagnosis || this.trace.steps === 0) return [];
    const path = this.trace.pathTo(this.trace.steps - 1);
    return diagnosis.history.map(({ step }) => path[step] ?? -1);
  }

  /** Where there are too many instructions, the one that is refused is not taken. */
  private failedLogRow(diagnosis: Diagnosis | undefined): number {
    const last = this.trace.steps - 1;
    return last >= 0 && this.trace.insns[last] === diagnosis?.insn ? this.logRow(last) : -1;
  }

  step(step: number): StepView {
    const { trace } = this;
    return {
      step,
      insn: trace.insns[step] as number,
      path: trace.pathOf[step] as number,
      state: trace.stateAt(step),
      logRow: this.logRow(step),
      ...stepEvents(trace, step),
    };
  }

  /** Before the instruction stand what the one before it gave, states and source lines. */
  private logRow(step: number): number {
    const byte = this.trace.logPosition(step) - this.logStart;
    if (byte < 0) return -1;
    const first = this.logLines.lineAt(byte);
    const start = `${this.trace.insns[step]}: (`;
    for (let row = first; row < first + LINES_BEFORE; row++) {
      if (this.logLines.line(row).startsWith(start)) return row;
    }
    return first;
  }

  coverage(path: number): Coverage | undefined {
    return this.trace.coverageOf(path);
  }

  /** What is logged of a step ends with its own line. */
  stepOfLogRow(row: number): number {
    const byte = this.logLines.startOf(row) + this.logStart;
    return lastIndex(this.trace.steps, (step) => this.trace.logPosition(step) <= byte);
  }

  lastChange(step: number, frame: number, place: string): number {
    return this.trace.lastChange(step, frame, place);
  }

  findInsn(insn: number, from: number, direction: 1 | -1): number {
    return this.trace.findInsn(insn, from, direction);
  }

  insnRows(from: number, count: number): InsnRow[] {
    return this.insns.rows.slice(from, from + count);
  }

  textRows(listing: 'log' | 'source', from: number, count: number): string[] {
    return (listing === 'log' ? this.logLines : this.source).rows(from, count);
  }

  compareLog(theirs: string): LogComparison {
    return compareLog(this.request.insns, this.logLines, theirs);
  }

  search(search: Search): number {
    const { count, textOf } = this.searched(search.listing);
    return searchRows(count, textOf, search);
  }

  private searched(listing: Listing): { count: number; textOf: (row: number) => string } {
    if (listing === 'insns')
      return { count: this.insns.rows.length, textOf: (row) => this.insns.rows[row]?.text ?? '' };
    const lines = listing === 'log' ? this.logLines : this.source;
    return { count: lines.length, textOf: (row) => lines.rows(row, 1)[0] ?? '' };
  }
}

/** Each slot is asked for several times. */
function remembered(map: SourceMap): SlotSource {
  const known: (SourceLine | undefined)[] = [];
  return {
    at(slot) {
      if (!(slot in known)) known[slot] = map.at(slot);
      return known[slot];
    },
  };
}

/** Names of functions by their first slot. */
function functionNames({ funcInfo }: LoadRequest, btf: Btf | undefined): Map<number, string> {
  return new Map(
    funcInfo.flatMap(({ insn, typeId }) => {
      const name = btf && typeId < btf.typeCount ? btf.name(typeId) : '';
      return name ? [[insn, name] as const] : [];
    }),
  );
}
