/** The assembly that is verified, as it is written. */
import { effect, signal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import { AssemblyEditor } from '../assembly/assembly-editor.tsx';
import type { Problem } from '../assembly/language.ts';
import { subject } from '../state.ts';
import { Pane } from '../ui/pane.tsx';
import { assemblyError, report, stepView, trace } from './state.ts';

/** Milliseconds without a key before it is verified. */
const PAUSE = 250;

/** What is written, or was last. */
export const draft = signal('');
let timer: ReturnType<typeof setTimeout> | undefined;

function write(text: string): void {
  draft.value = text;
  clearTimeout(timer);
  timer = setTimeout(take, PAUSE);
}

/** Verifies what is written. */
function take(): void {
  clearTimeout(timer);
  const chosen = subject.peek();
  const text = draft.peek();
  if (chosen?.kind === 'assembly' && chosen.text !== text) subject.value = { kind: 'assembly', text };
}

/** A template, a link or a lesson brings another text. */
function takeSubject(): void {
  if (subject.value?.kind !== 'assembly') return;
  clearTimeout(timer);
  draft.value = subject.value.text;
}

export function AssemblyPane(): JSX.Element {
  // Before the editor is there: a long text is not laid out twice.
  useMemo(takeSubject, []);
  useEffect(() => effect(takeSubject), []);
  const summary = trace.value;
  const of = report.value;
  const wrong = assemblyError.value;
  const problems = useMemo<readonly Problem[]>(
    () => [
      ...(wrong?.at ? [{ line: wrong.at.line, message: wrong.message, severity: 'error' as const }] : []),
      ...verifierProblems(of?.diagnosis, summary?.sourceOfSlot),
    ],
    [of, summary, wrong],
  );
  const line = summary?.sourceOfSlot[stepView.value?.insn ?? -1] ?? -1;
  return (
    <Pane title="Assembly" class="source-pane">
      {/* A link that is made now is about what stands here. */}
      <div class="assembly-place" onFocusOut={take}>
        <AssemblyEditor text={draft.value} onChange={write} problems={problems} line={line + 1} />
      </div>
    </Pane>
  );
}

type Diagnosis = NonNullable<NonNullable<typeof report.value>['diagnosis']>;

/** The rejection, and the steps that led to it. */
function verifierProblems(diagnosis: Diagnosis | undefined, lineOfSlot: Int32Array | undefined): Problem[] {
  if (!diagnosis || !lineOfSlot) return [];
  const problem = (insn: number, message: string, severity: Problem['severity']): Problem[] => {
    const row = lineOfSlot[insn] ?? -1;
    return row < 0 ? [] : [{ line: row + 1, message, severity }];
  };
  return [
    ...problem(diagnosis.insn, diagnosis.message, 'error'),
    ...diagnosis.history.flatMap(({ insn, place, action, state }) =>
      problem(insn, `${place} ${action}: ${state}`, 'info'),
    ),
  ];
}
