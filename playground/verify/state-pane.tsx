/** What the verifier knows before the instruction: registers, stack, references, locks; and what happens at it. */
import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import { slotText, type TraceFrame, type TraceState } from '../../verifier/trace/trace-state.ts';
import { Pane } from '../ui/pane.tsx';
import { CoverageTable } from './coverage-table.tsx';
import type { StepView } from './protocol.ts';
import { RegisterDetail } from './register-detail.tsx';
import { goTo, goToCause, stepView, trace } from './state.ts';

/** The place whose details are shown: "0 R1". */
const opened = signal('');

export function StatePane(): JSX.Element {
  const view = stepView.value;
  return (
    <Pane title={view ? `State before instruction ${view.insn}` : 'State'} class="state-pane">
      {trace.value?.steps === 0 && (
        <p class="empty">Nothing was followed: it is rejected before the first step.</p>
      )}
      {view && (
        <div id="state" data-step={view.step + 1}>
          <Events view={view} />
          <Held state={view.state} />
          {view.state.frames.toReversed().map((frame, index, frames) => (
            <Frame key={frames.length - index} frame={frame} depth={frames.length - 1 - index} />
          ))}
        </div>
      )}
    </Pane>
  );
}

function Events({ view }: { view: StepView }): JSX.Element | null {
  const { events } = view;
  if (events.length === 0) return null;
  return (
    <ul class="events" aria-label="What happens here">
      {events.map(({ kind, text, step, path }, index) => (
        <li key={`${view.step} ${index}`} class={`event ${kind}`}>
          {text}{' '}
          {step !== undefined && step >= 0 && (
            <button type="button" class="link" onClick={() => goTo(step)}>
              step {step + 1}
            </button>
          )}
          {path !== undefined && <CoverageTable path={path} />}
        </li>
      ))}
    </ul>
  );
}

function Held({ state }: { state: TraceState }): JSX.Element | null {
  const held = [
    state.spinLock ? 'spin lock held' : '',
    state.rcu ? 'in an RCU section' : '',
    state.preempt > 0 ? `preemption off (${state.preempt})` : '',
    state.speculative ? 'speculative path' : '',
  ].filter((text) => text !== '');
  if (held.length === 0) return null;
  return (
    <p class="held">
      {held.map((text) => (
        <span key={text} class="badge warn">
          {text}
        </span>
      ))}
    </p>
  );
}

function Frame({ frame, depth }: { frame: TraceFrame; depth: number }): JSX.Element {
  const called = frame.callsite >= 0 ? `, called at ${frame.callsite}` : '';
  const registers = frame.registers.filter(({ state }) => state.type !== 0);
  return (
    <section class="frame" aria-label={`Frame ${depth}`}>
      {(depth > 0 || frame.callsite >= 0) && (
        <h3>
          Frame {depth}: function {frame.subprog}
          {called}
          {frame.callback ? ', a callback' : ''}
        </h3>
      )}
      <table class="places">
        <thead class="visually-hidden">
          <tr>
            <th>Place</th>
            <th>What is known</th>
          </tr>
        </thead>
        <tbody>
          {registers.map(({ name, state, changed }) => (
            <Place
              key={name}
              frame={depth}
              name={name}
              text={state.text}
              changed={changed}
              precise={state.precise}
            >
              <RegisterDetail state={state} />
            </Place>
          ))}
          {frame.slots.map((slot) => (
            <Place
              key={slot.name}
              frame={depth}
              name={slot.name}
              text={slotText(slot)}
              changed={slot.changed}
              precise={slot.state.precise}
            >
              <RegisterDetail state={slot.state} />
            </Place>
          ))}
        </tbody>
      </table>
      {frame.refs.length > 0 && (
        <p class="refs">
          references:{' '}
          {frame.refs.map(({ id, insn }) => (
            <span key={id} class="badge">
              {id} taken at {insn}
            </span>
          ))}
        </p>
      )}
    </section>
  );
}

function Place(props: {
  frame: number;
  name: string;
  text: string;
  changed: boolean;
  precise: boolean;
  children: JSX.Element;
}): JSX.Element {
  const { frame, name, text, changed, precise, children } = props;
  const key = `${frame} ${name}`;
  const isOpen = opened.value === key;
  return (
    <>
      <tr class={changed ? 'changed' : ''}>
        <th scope="row">
          <button
            type="button"
            class="link"
            aria-expanded={isOpen}
            onClick={() => {
              opened.value = isOpen ? '' : key;
            }}
          >
            {name}
          </button>
        </th>
        <td>
          {text}
          {precise && <span class="badge precise">precise</span>}
        </td>
      </tr>
      {isOpen && (
        <tr class="detail">
          <td colSpan={2}>
            <button type="button" onClick={() => void goToCause(frame, name)}>
              Where does {name} come from?
            </button>
            {children}
          </td>
        </tr>
      )}
    </>
  );
}
