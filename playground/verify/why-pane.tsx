/** Why a program is rejected: the reason, the source, and how the value came about. */
import type { JSX } from 'preact';
import type { Diagnosis } from '../../verifier/diagnosis/diagnose.ts';
import { Pane } from '../ui/pane.tsx';
import type { ProgramReport } from './protocol.ts';
import { goTo, report, step, trace } from './state.ts';

export function WhyPane(): JSX.Element | null {
  const of = report.value;
  if (!of) return null;
  return (
    <Pane title={of.verdict === 'accepted' ? 'Accepted' : 'Why'} class="why-pane">
      <div class="why">{of.diagnosis ? <Reason diagnosis={of.diagnosis} /> : <Summary report={of} />}</div>
    </Pane>
  );
}

function Summary({ report: of }: { report: ProgramReport }): JSX.Element {
  if (of.verdict !== 'accepted') return <p class="message">{of.message}</p>;
  const paths = trace.value?.paths;
  return (
    <p>
      Every path ends well: {of.stats?.insns ?? 0} instructions were processed
      {paths ? ` on ${paths.count} ${paths.count === 1 ? 'path' : 'paths'}` : ''}. Go through them with the
      buttons above, the arrow keys, or a click on any line.
    </p>
  );
}

function Reason({ diagnosis }: { diagnosis: Diagnosis }): JSX.Element {
  const { category, meaning, message, excerpt, history, suggestion, register, state, source } = diagnosis;
  return (
    <>
      <p class="message mono">{message}</p>
      <p>
        <span class="badge bad">{category}</span> {meaning}
      </p>
      {register && state && (
        <p>
          <code>{register}</code> is <code>{state}</code> here.
        </p>
      )}
      {excerpt.length > 0 && (
        <figure>
          <figcaption class="muted">{source?.file}</figcaption>
          <pre class="excerpt">
            {excerpt.map(({ line, text, marked }) => (
              <span key={line} class={marked ? 'marked' : ''}>
                {`${String(line).padStart(4)} ${text}\n`}
              </span>
            ))}
          </pre>
        </figure>
      )}
      {history.length > 0 && <History diagnosis={diagnosis} />}
      {suggestion && <p class="suggestion">{suggestion}</p>}
    </>
  );
}

function History({ diagnosis: { history, insn } }: { diagnosis: Diagnosis }): JSX.Element {
  const summary = trace.value;
  const causes = summary?.causes ?? [];
  const last = (summary?.steps ?? 0) - 1;
  return (
    <>
      <h3>Where it comes from</h3>
      <ol class="history">
        {history.map((entry, index) => (
          <HistoryStep
            key={index}
            to={causes[index] ?? -1}
            name={entry.insn < 0 ? 'start' : `${entry.insn}`}
            text={`${entry.place} ${entry.action}${entry.state === '' ? '' : `: ${entry.state}`}`}
            code={entry.text}
          />
        ))}
        <HistoryStep to={last} name={`${insn}`} text="rejected here" code="" />
      </ol>
    </>
  );
}

function HistoryStep(props: { to: number; name: string; text: string; code: string }): JSX.Element {
  const { to, name, text, code } = props;
  return (
    <li>
      <button
        type="button"
        disabled={to < 0}
        aria-pressed={to >= 0 && to === step.value}
        onClick={() => goTo(to)}
      >
        <span class="slot">{name}</span>
        <span>
          <span class="mono">{code}</span>
          <span class="mono muted">{text}</span>
        </span>
      </button>
    </li>
  );
}
