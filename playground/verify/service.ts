/** Verifies what the page sends, and follows one program of it step by step. */
import { errnoName } from '../../bpf/errno-name.ts';
import { InputError } from '../../bpf/input-error.ts';
import { sameBytes } from '../../verifier/program-btf.ts';
import { messageOf, outcome, type RecordOptions, reportRecord } from '../../verifier/report-record.ts';
import { type Bench, type KernelChoice, openBench, type Vmlinux } from '../kernel/bench.ts';
import { say } from '../rpc/progress.ts';
import type { ProgramReport, VerifyProgress, VerifyService } from './protocol.ts';
import { type Candidate, type LoadedSubject, loadSubject } from './subject.ts';
import { Tracing } from './tracing.ts';

/** The kernel that is used, and what was verified on it last. */
let bench:
  | { readonly key: string; readonly vmlinux: Vmlinux | undefined; readonly opened: Promise<Bench> }
  | undefined;
let loaded: { bench: Bench; subject: LoadedSubject; reports: readonly ProgramReport[] } | undefined;
let tracing: Tracing | undefined;

/** One at a time: each has some 30 MB of types. */
function benchOf(choice: KernelChoice): Promise<Bench> {
  const key = JSON.stringify([choice.kernel, choice.stock]);
  const same = bench?.key === key && sameBytes(bytesOf(bench), bytesOf(choice));
  if (bench && same) return bench.opened;
  const opened = openBench(choice);
  bench = { key, vmlinux: choice.vmlinux, opened };
  opened.catch(forgetBench);
  return opened;
}

function bytesOf({ vmlinux }: { readonly vmlinux?: Vmlinux | undefined }): Uint8Array {
  return vmlinux?.bytes ?? new Uint8Array();
}

/** What failed, or trapped in the middle of something, is not used again. */
function forgetBench(): void {
  bench = undefined;
  tracing = undefined;
}

function reportOf(program: Candidate, path: string, options: RecordOptions): ProgramReport {
  const examined = program.examine();
  const { verdict, diagnosis } = examined;
  const { name, section } = program;
  const stats = verdict?.stats;
  return {
    name,
    section,
    verdict: outcome(verdict),
    errno: verdict && !verdict.accepted ? errnoName(verdict.errno) : '',
    message: messageOf(examined),
    stats: stats && {
      insns: stats.insnsProcessed,
      states: stats.totalStates,
      stack: stats.stackDepths.join('+'),
    },
    diagnosis,
    record: reportRecord({ ...examined, path, program }, options),
  };
}

function programNamed(name: string) {
  const index = loaded?.subject.programs.findIndex((program) => program.name === name) ?? -1;
  const program = loaded?.subject.programs[index];
  const report = loaded?.reports[index];
  if (!loaded || !program || !report) throw new InputError(`there is no program "${name}"`);
  return { on: loaded.bench, subject: loaded.subject, program, report };
}

function traced(): Tracing {
  if (!tracing) throw new Error('no program is being followed');
  return tracing;
}

/** Anything but bad input means that the core may stand in the middle of something. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InputError)) forgetBench();
    throw error;
  }
}

function tell(doing: string): void {
  say({ doing } satisfies VerifyProgress);
}

export const service: VerifyService = {
  async verify({ subject, unprivileged, ...choice }) {
    loaded = undefined;
    tracing = undefined;
    tell(`opening Linux ${choice.kernel}`);
    const opened = await benchOf(choice);
    const begin = performance.now();
    const found = await loadSubject(subject, opened, unprivileged);
    const { programs } = found;
    const reports = guarded(() =>
      programs.map((program, index) => {
        tell(`verifying ${program.name} (${index + 1} of ${programs.length})`);
        return reportOf(program, found.file, { kernel: choice.kernel, unpriv: unprivileged });
      }),
    );
    loaded = { bench: opened, subject: found, reports };
    return { file: found.file, programs: reports, milliseconds: performance.now() - begin };
  },

  assembly: (name) => programNamed(name).program.assembly(),

  trace(name) {
    tracing = undefined;
    const { on, subject, program, report } = programNamed(name);
    const request = program.request();
    if (!request) throw new InputError(`program "${name}" could not be loaded`);
    const { diagnosis } = report;
    tell(`following every step of ${name}`);
    tracing = guarded(() => new Tracing(on.verifier, request, { program, subject, diagnosis }));
    return tracing.summary;
  },

  step: (step) => traced().step(step),
  coverage: (path) => traced().coverage(path),
  insnRows: (from, count) => traced().insnRows(from, count),
  textRows: (listing, from, count) => traced().textRows(listing, from, count),
  findInsn: (insn, from, direction) => traced().findInsn(insn, from, direction),
  lastChange: (step, frame, place) => traced().lastChange(step, frame, place),
  search: (search) => traced().search(search),
  stepOfLogRow: (row) => traced().stepOfLogRow(row),
  compareLog: (theirs) => traced().compareLog(theirs),
  log: () => traced().log,
};
