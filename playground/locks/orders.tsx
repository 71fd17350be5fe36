/** All orders of a scene's steps: how many there are, and what goes wrong in them. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { fail } from '../state.ts';
import { Pane } from '../ui/pane.tsx';
import type { FindingReport, SceneReport } from './protocol.ts';
import { exploreAll, exploring, loaded, loadFinding, report, stopExploring } from './state.ts';
import { counted, kindText } from './words.ts';

const LIMITS = [50_000, 200_000, 500_000, 1_000_000];
const USUAL_LIMIT = 500_000;

export function OrdersPane(): JSX.Element {
  const full = useSignal(false);
  const maxStates = useSignal(USUAL_LIMIT);
  const underWay = exploring.value !== undefined;
  const tools = underWay ? (
    <button type="button" onClick={stopExploring}>
      Stop
    </button>
  ) : (
    <button
      type="button"
      class="primary"
      onClick={() => exploreAll({ maxStates: maxStates.value, full: full.value }).catch(fail)}
    >
      Explore all orders
    </button>
  );
  return (
    <Pane title="All orders" class="locks-orders" tools={tools}>
      <div class="orders-options">
        <label class="field" for="max-states">
          <span>At most</span>
          <select
            id="max-states"
            value={maxStates.value}
            onChange={({ currentTarget }) => {
              maxStates.value = Number(currentTarget.value);
            }}
          >
            {LIMITS.map((limit) => (
              <option key={limit} value={limit}>
                {counted(limit)} states
              </option>
            ))}
          </select>
        </label>
        <label class="check" title="Otherwise orders that make no difference are left out">
          <input
            type="checkbox"
            checked={full.value}
            onChange={({ currentTarget }) => {
              full.value = currentTarget.checked;
            }}
          />
          without reduction
        </label>
      </div>
      <div id="locks-result" role="status" aria-busy={underWay}>
        {underWay && <p class="orders-progress">Exploring{progressText(exploring.value ?? 0)}</p>}
        {report.value && <Verdict report={report.value} />}
      </div>
      {report.value && <Findings report={report.value} />}
      {!report.value && !underWay && (
        <p class="orders-hint">
          Goes through every order in which the actors can take their steps, and draws what goes wrong as the
          shortest way there.
        </p>
      )}
    </Pane>
  );
}

function progressText(states: number): string {
  return states === 0 ? ' …' : `: ${counted(states)} states so far …`;
}

function Verdict({ report }: { report: SceneReport }): JSX.Element {
  const { findings, agrees, complete, states, transitions, interleavings, reduced, expected, unexpanded } =
    report;
  const kinds = [...new Set(findings.map(({ kind }) => kind))];
  const found =
    kinds.length > 0
      ? kinds.map(kindText).join(', ')
      : complete
        ? 'Nothing goes wrong'
        : 'Nothing found so far';
  const wants = expected.length > 0 ? expected.map(kindText).join(', ') : 'that nothing goes wrong';
  return (
    <>
      <p class="orders-verdict">
        <strong class={kinds.length > 0 ? 'found' : 'clean'}>{found}</strong>
        <span class={`badge ${agrees ? 'good' : 'bad'}`}>
          {agrees ? 'as the scene expects' : `the scene expects ${wants}`}
        </span>
      </p>
      <dl class="orders-numbers">
        <Figure name="states" value={counted(states)} />
        <Figure name="steps" value={counted(transitions)} />
        <Figure name="orders" value={interleavings === undefined ? '∞' : counted(interleavings)} />
      </dl>
      <p class="orders-how">
        {complete
          ? reduced
            ? 'Orders that make no difference are left out.'
            : 'All orders, also those that make no difference.'
          : `The limit was reached: ${counted(unexpanded)} states were not gone on from, what was not found may still be there.`}
        {interleavings === undefined && complete ? ' Actors can go round for ever.' : ''}
      </p>
    </>
  );
}

function Figure({ name, value }: { name: string; value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={value}>{value}</dd>
    </div>
  );
}

function Findings({ report }: { report: SceneReport }): JSX.Element {
  if (report.findings.length === 0) return <Results report={report} />;
  return (
    <ol class="findings" aria-label="What goes wrong">
      {report.findings.map((finding) => (
        <li key={`${finding.kind} ${finding.message}`}>
          <FindingButton finding={finding} />
        </li>
      ))}
    </ol>
  );
}

function FindingButton({ finding }: { finding: FindingReport }): JSX.Element {
  const { kind, message, trace, shortest } = finding;
  return (
    <button
      type="button"
      class="finding"
      aria-pressed={loaded.value === finding}
      onClick={() => loadFinding(finding)}
    >
      <span class="badge bad">{kindText(kind)}</span>
      <span class="finding-message">{message}</span>
      <span class="finding-steps">
        {trace.length} {trace.length === 1 ? 'step' : 'steps'}
        {shortest ? ', none shorter' : ''}
      </span>
    </button>
  );
}

/** What calls gave, all orders together. */
function Results({ report }: { report: SceneReport }): JSX.Element | null {
  const results = [...report.results].filter(([, all]) => all.length > 0);
  if (results.length === 0) return null;
  return (
    <dl class="orders-results">
      {results.map(([actor, all]) => (
        <div key={actor}>
          <dt>{actor}</dt>
          {all.map((text) => (
            <dd key={text}>{text}</dd>
          ))}
        </div>
      ))}
    </dl>
  );
}
