/** The verifier view: the verdict, and every step that led to it. */
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import '../style/verify.css';
import { kernel, site, subject } from '../state.ts';
import { AssemblyPane } from './assembly-pane.tsx';
import { InsnPane } from './insn-pane.tsx';
import { LogPane } from './log-pane.tsx';
import { PathsPane } from './paths-pane.tsx';
import { ProgramBar } from './program-bar.tsx';
import { SourcePane } from './source-pane.tsx';
import { answer, busy, goTo, isStopped, step, trace } from './state.ts';
import { StatePane } from './state-pane.tsx';
import { StepBar } from './step-bar.tsx';
import { WhyPane } from './why-pane.tsx';

export function VerifyView(): JSX.Element {
  useEffect(() => {
    document.addEventListener('keydown', stepByKey);
    return () => document.removeEventListener('keydown', stepByKey);
  }, []);
  const isWriting = subject.value?.kind === 'assembly';
  const isBusy = busy.value !== '';
  const hasBar = answer.value !== undefined || isBusy || isStopped.value;
  if (!hasBar && !isWriting)
    return (
      <p class="empty" role="status">
        {emptyText()}
      </p>
    );
  return (
    <>
      {hasBar && <ProgramBar />}
      {trace.value && trace.value.steps > 0 && <StepBar />}
      <div
        class={`verify-grid ${isWriting ? 'writing' : ''} ${isBusy ? 'busy' : ''}`}
        aria-busy={isBusy}
        hidden={!answer.value && !isWriting}
      >
        <WhyPane />
        {isWriting ? <AssemblyPane /> : <SourcePane />}
        <InsnPane />
        <StatePane />
        <PathsPane />
        <LogPane />
      </div>
    </>
  );
}

function emptyText(): string {
  if (!subject.value) return 'Choose an example, or drop a .bpf.o anywhere on this page.';
  const verifies = site.value.kernels.some((each) => each.verifies && each.name === kernel.value);
  return verifies ? 'It could not be verified.' : 'This kernel is for runs alone: choose one that verifies.';
}

/** The arrow keys, where they do nothing else. */
function stepByKey(event: KeyboardEvent): void {
  const { target, key } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || !trace.peek()) return;
  if (target instanceof Element && target.closest('input, select, textarea, dialog, .editor, [role=tab]'))
    return;
  if (key !== 'ArrowLeft' && key !== 'ArrowRight') return;
  event.preventDefault();
  goTo(step.peek() + (key === 'ArrowRight' ? 1 : -1));
}
