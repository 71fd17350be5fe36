/** The programs of the object, and the verdict on the one that is looked at. */
import type { JSX } from 'preact';
import { reportFile } from '../share/report-file.ts';
import { type Subject, subject } from '../state.ts';
import { save } from '../ui/save.ts';
import type { ProgramReport, VerifyAnswer } from './protocol.ts';
import {
  answer,
  answered,
  busy,
  chooseProgram,
  editAsAssembly,
  isStopped,
  program,
  report,
  stop,
  trace,
  verifyAgain,
  wholeLog,
} from './state.ts';

const TONES = { accepted: 'good', rejected: 'bad', 'not-loaded': 'warn' } as const;

/** More than that are chosen from a list. */
const MOST_BUTTONS = 6;

export function ProgramBar(): JSX.Element {
  const got = answer.value;
  const programs = got?.programs ?? [];
  // What is under way may be about something else.
  const isShown = got !== undefined && answered.value === subject.value;
  const isBusy = busy.value !== '';
  return (
    <div class="toolbar program-bar">
      <p id="status" role="status">
        {statusOf(subject.value, got)}
      </p>
      <StopButton />
      {isShown && programs.length > 0 && (
        <nav aria-label="Programs" class="programs">
          {programs.length <= MOST_BUTTONS ? (
            programs.map(ProgramButton)
          ) : (
            <ProgramSelect programs={programs} />
          )}
        </nav>
      )}
      {isShown && <Verdict />}
      <span class="spread" />
      <div class="button-row exports">
        {subject.value?.kind !== 'assembly' && (
          <button type="button" onClick={() => void editAsAssembly()} disabled={!trace.value || isBusy}>
            Edit as assembly
          </button>
        )}
        <button type="button" onClick={() => void exportLog()} disabled={!trace.value || isBusy}>
          Save log
        </button>
        <button type="button" onClick={() => exportReport()} disabled={!isShown}>
          Save report
        </button>
      </div>
    </div>
  );
}

function statusOf(chosen: Subject | undefined, got: VerifyAnswer | undefined): string {
  const name = chosen?.kind === 'assembly' ? 'assembly' : (chosen?.file ?? '');
  if (busy.value !== '') return `${name}: ${busy.value}…`;
  if (!got) return isStopped.value ? `${name}: stopped before there was a verdict` : name;
  const { file, programs, milliseconds } = got;
  const accepted = programs.filter(({ verdict }) => verdict === 'accepted').length;
  const missing = isStopped.value ? '; stopped, so there are no steps' : '';
  return `${file}: ${accepted} of ${programs.length} programs accepted, ${milliseconds.toFixed(0)} ms${missing}`;
}

/** One button, so that it keeps the focus. */
function StopButton(): JSX.Element | null {
  if (busy.value === '' && !isStopped.value) return null;
  return (
    <button
      type="button"
      id="stop"
      class={isStopped.value ? '' : 'stop'}
      onClick={isStopped.value ? () => verifyAgain() : stop}
    >
      {isStopped.value ? 'Verify again' : 'Stop'}
    </button>
  );
}

function ProgramButton({ name, section, verdict }: ProgramReport): JSX.Element {
  return (
    <button
      key={name}
      type="button"
      title={section}
      aria-pressed={name === program.value}
      onClick={() => void chooseProgram(name)}
    >
      <span class={`dot ${TONES[verdict]}`} aria-hidden="true" />
      {name}
      <span class="visually-hidden"> {verdict}</span>
    </button>
  );
}

function ProgramSelect({ programs }: { programs: readonly ProgramReport[] }): JSX.Element {
  return (
    <select
      id="program"
      aria-label="Program"
      value={program.value}
      onChange={({ currentTarget }) => void chooseProgram(currentTarget.value)}
    >
      {programs.map(({ name, verdict }) => (
        <option key={name} value={name}>
          {verdict === 'accepted' ? '✓' : '✗'} {name}
        </option>
      ))}
    </select>
  );
}

function Verdict(): JSX.Element | null {
  const of = report.value;
  if (!of) return null;
  return (
    <p class="program-verdict" id="verdict">
      <span class={`badge ${TONES[of.verdict]}`}>
        {of.verdict} {of.errno}
      </span>
      {of.stats && (
        <span class="muted">
          {of.stats.insns} insns, {of.stats.states} states, stack {of.stats.stack || '0'}
        </span>
      )}
    </p>
  );
}

async function exportLog(): Promise<void> {
  const name = program.value;
  const log = await wholeLog();
  if (log !== undefined) save(`${name}.log`, log);
}

function exportReport(): void {
  const got = answer.value;
  if (got) save(`${got.file}.report.jsonl`, reportFile(got));
}
