/** What the verifier view shows, and how it comes from the worker. */
import { batch, computed, effect, signal } from '@preact/signals';
import type { Coverage } from '../../verifier/trace/coverage.ts';
import { CallError, Client, Stopped } from '../rpc/client.ts';
import {
  fail,
  kernel,
  notice,
  type Subject,
  series,
  site,
  subject,
  unprivileged,
  vmlinux,
} from '../state.ts';
import { Windows } from '../ui/windows.ts';
import type { LogComparison } from './compare-log.ts';
import type {
  InsnRow,
  ProgramReport,
  Search,
  StepView,
  TraceSummary,
  VerifyAnswer,
  VerifyProgress,
  VerifyRequest,
} from './protocol.ts';

const client = new Client('verify', (progress) => {
  if (busy.peek() !== '') busy.value = (progress as VerifyProgress).doing;
});

export const answer = signal<VerifyAnswer | undefined>(undefined);
/** What the answer is about: while another subject is verified, it is not the chosen one. */
export const answered = signal<Subject | undefined>(undefined);
/** What is being waited for: "verifying". */
export const busy = signal('');
/** The user has stopped it: verdict or steps are missing. */
export const isStopped = signal(false);
export const program = signal('');
export const trace = signal<TraceSummary | undefined>(undefined);
export const step = signal(0);
/** Of the step that was asked for last and has come. */
export const stepView = signal<StepView | undefined>(undefined);

/** What is wrong with the assembly that is written. */
export const assemblyError = signal<CallError | undefined>(undefined);

export const report = computed<ProgramReport | undefined>(() =>
  answer.value?.programs.find(({ name }) => name === program.value),
);

interface Rows {
  readonly insns: Windows<InsnRow>;
  readonly log: Windows<string>;
  readonly source: Windows<string>;
}

export const rows = signal<Rows>(emptyRows());

function emptyRows(): Rows {
  return {
    insns: new Windows((from, count) => client.call('insnRows', from, count)),
    log: new Windows((from, count) => client.call('textRows', 'log', from, count)),
    source: new Windows((from, count) => client.call('textRows', 'source', from, count)),
  };
}

/** Where to go once the program is there: the cursor of a link. */
let wanted: { readonly program?: string; readonly step?: number } = {};

export function openAt(place: { program?: string; step?: number }): void {
  wanted = place;
}

let verification = 0;
/** The one that the answer is of. */
let verified = 0;
/** Of programs of one verification. */
let following = 0;

/** Counts what is asked for though nothing has changed. */
const attempt = signal(0);

/** Verifies what is chosen, whenever it changes. */
export function watchSubject(): void {
  effect(() => {
    const chosen = subject.value;
    void attempt.value;
    const request = {
      kernel: kernel.value,
      stock: !series.value,
      unprivileged: unprivileged.value,
      ...(vmlinux.value ? { vmlinux: vmlinux.value } : {}),
    };
    // What the site has is still on its way: what is asked for is kept until then.
    if (site.value.kernels.length === 0) return;
    const isEmpty = !chosen || (chosen.kind === 'assembly' && chosen.text.trim() === '');
    assemblyError.value = undefined;
    if (isEmpty || !site.value.kernels.some(({ name, verifies }) => verifies && name === request.kernel)) {
      batch(forget);
      return;
    }
    // It was about what was chosen before.
    notice.value = undefined;
    void verify({ ...request, subject: chosen });
  });
}

function forget(): void {
  verification++;
  answer.value = undefined;
  answered.value = undefined;
  program.value = '';
  forgetTrace();
  busy.value = '';
  isStopped.value = false;
  wanted = {};
}

function forgetTrace(): void {
  following++;
  trace.value = undefined;
  stepView.value = undefined;
}

async function verify(request: VerifyRequest): Promise<void> {
  const id = ++verification;
  // What is under way is for something that nobody looks at any more.
  if (busy.peek() !== '') {
    following++;
    client.stop();
  }
  batch(() => {
    busy.value = 'verifying';
    isStopped.value = false;
  });
  try {
    await begin(id, request);
  } catch (error) {
    if (id !== verification) return;
    batch(() => {
      forget();
      // What is being written is wrong most of the time: the editor says where.
      if (request.subject.kind === 'assembly' && error instanceof CallError && error.at)
        assemblyError.value = error;
      else fail(error);
    });
  }
}

async function begin(id: number, request: VerifyRequest): Promise<void> {
  const before = program.peek();
  const got = await client.call('verify', request);
  if (id !== verification) return;
  const names = got.programs.map(({ name }) => name);
  const first = got.programs.find(({ verdict }) => verdict !== 'accepted') ?? got.programs[0];
  const name = [wanted.program, before].find((each) => each !== undefined && names.includes(each));
  batch(() => {
    // What is shown of the one before does not fit it.
    forgetTrace();
    verified = id;
    answer.value = got;
    answered.value = request.subject;
    void chooseProgram(name ?? first?.name ?? '');
  });
}

/** Follows a program of the subject. */
export async function chooseProgram(name: string): Promise<void> {
  // The worker has nothing left of what was stopped.
  if (isStopped.peek()) return verifyAgain({ program: name });
  const { program: wantedProgram = name, step: wantedStep } = wanted;
  wanted = {};
  batch(() => {
    forgetTrace();
    program.value = name;
    busy.value = '';
    if (isFollowed()) busy.value = 'following every step';
  });
  if (!isFollowed()) return;
  const id = following;
  try {
    const summary = await client.call('trace', name);
    if (id !== following) return;
    const start = report.peek()?.verdict === 'rejected' ? summary.steps - 1 : 0;
    batch(() => {
      rows.value = emptyRows();
      trace.value = summary;
      busy.value = '';
      goTo(wantedProgram === name ? (wantedStep ?? start) : start);
    });
  } catch (error) {
    if (id !== following) return;
    busy.value = '';
    fail(error);
  }
}

/** There are steps of it. */
function isFollowed(): boolean {
  const of = report.peek();
  return of !== undefined && of.verdict !== 'not-loaded';
}

/** Gives up what is under way; a verdict that has come stays. */
export function stop(): void {
  if (busy.peek() === '') return;
  const hasVerdict = verified === verification;
  verification++;
  following++;
  client.stop();
  batch(() => {
    if (!hasVerdict) forget();
    busy.value = '';
    isStopped.value = true;
  });
}

/** Once more, from the start. */
export function verifyAgain(place: { program?: string } = { program: program.peek() }): void {
  openAt(place);
  attempt.value++;
}

/**
 * Asks about the program that is followed.
 * @returns undefined when it is not followed any more: nobody waits for the answer.
 */
async function ask<T>(question: (worker: typeof client) => Promise<T>): Promise<T | undefined> {
  const of = trace.peek();
  if (!of || busy.peek() !== '') return undefined;
  try {
    const got = await question(client);
    return trace.peek() === of ? got : undefined;
  } catch (error) {
    if (trace.peek() === of && !(error instanceof Stopped)) fail(error);
    return undefined;
  }
}

let isAsking = false;

/** Shows a step. While one is fetched, only the last that was asked for is remembered. */
export function goTo(to: number): void {
  // What is shown is not in the worker any more.
  if (busy.peek() !== '') return;
  const steps = trace.peek()?.steps ?? 0;
  step.value = Math.max(0, Math.min(steps - 1, to));
  if (!isAsking && steps > 0) void fetchStep();
}

async function fetchStep(): Promise<void> {
  isAsking = true;
  for (let got: StepView | undefined; got?.step !== step.peek(); ) {
    got = await ask((worker) => worker.call('step', step.peek()));
    if (!got) break;
    stepView.value = got;
  }
  isAsking = false;
}

/** The next time an instruction is processed, or the last time before. */
export async function goToInsn(insn: number, direction: 1 | -1 = 1): Promise<void> {
  const here = step.peek();
  const found = await ask(async (worker) => {
    const next = await worker.call('findInsn', insn, here + direction, direction);
    return next >= 0 ? next : worker.call('findInsn', insn, here, -direction as 1 | -1);
  });
  if (found === undefined) return;
  if (found >= 0) goTo(found);
  else notice.value = { text: `Instruction ${insn} is never reached.`, isError: false };
}

/** The step that gave a register or slot what it holds. */
export async function goToCause(frame: number, place: string): Promise<void> {
  const found = await ask((worker) => worker.call('lastChange', step.peek(), frame, place));
  if (found === undefined) return;
  if (found >= 0) goTo(found);
  else notice.value = { text: `${place} was so from the start.`, isError: false };
}

export async function goToLogRow(row: number): Promise<void> {
  const found = await ask((worker) => worker.call('stepOfLogRow', row));
  if (found !== undefined) goTo(Math.max(0, found));
}

/** @returns row of a listing that has the text, -1 for none. */
export async function search(wanted: Search): Promise<number> {
  return (await ask((worker) => worker.call('search', wanted))) ?? -1;
}

export function compareLog(theirs: string): Promise<LogComparison | undefined> {
  return ask((worker) => worker.call('compareLog', theirs));
}

export function wholeLog(): Promise<string | undefined> {
  return ask((worker) => worker.call('log'));
}

export interface SavedVerify {
  readonly program: string;
  readonly step: number;
}

export function saveVerify(): SavedVerify {
  return { program: program.value, step: step.value };
}

/** Opens the program that is looked at as assembly. */
export async function editAsAssembly(): Promise<void> {
  const text = await ask((worker) => worker.call('assembly', program.value));
  if (text !== undefined) subject.value = { kind: 'assembly', text };
}

/** Why a path was not followed any further; undefined when the question is not of now any more. */
export function coverageOf(path: number): Promise<Coverage | undefined> {
  return ask((worker) => worker.call('coverage', path));
}
