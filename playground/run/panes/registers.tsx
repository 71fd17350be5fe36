/** Registers at the step: what the instruction before has changed is marked. */
import type { JSX } from 'preact';
import { Pane } from '../../ui/pane.tsx';
import { find } from '../keys.ts';
import { addWatch, inspection, step, timeline } from '../state.ts';

export function RegistersPane(): JSX.Element {
  const at = timeline.value;
  const values = at?.registers(step.value) ?? new BigUint64Array(0);
  const changed = at?.changed(step.value) ?? new Set<number>();
  return (
    <Pane title="Registers" class="run-registers">
      <table class="run-table mono">
        <thead class="visually-hidden">
          <tr>
            <th scope="col">Register</th>
            <th scope="col">Value</th>
            <th scope="col">Meaning</th>
            <th scope="col">Changes</th>
          </tr>
        </thead>
        <tbody>
          {Array.from(values, (value, register) => (
            <Register key={register} register={register} value={value} changed={changed.has(register)} />
          ))}
        </tbody>
      </table>
    </Pane>
  );
}

function Register(props: { register: number; value: bigint; changed: boolean }): JSX.Element {
  const { register, value, changed } = props;
  const points = inspection.value?.registers[register];
  const watch = points?.watch;
  const name = `r${register}`;
  const jump = (direction: 1 | -1) => () => find({ kind: 'register', register }, direction);
  return (
    <tr class={changed ? 'changed' : ''}>
      <th scope="row">{name}</th>
      <td class="run-value">0x{value.toString(16)}</td>
      <td class="run-meaning" title={points?.text}>
        {watch ? (
          <button
            type="button"
            class="quiet link"
            title={`Look at it as ${watch.type}`}
            onClick={() => addWatch(watch)}
          >
            {points.text}
          </button>
        ) : (
          (points?.text ?? decimal(value))
        )}
      </td>
      <td class="run-jumps">
        <button type="button" class="quiet" aria-label={`Last change of ${name}`} onClick={jump(-1)}>
          ‹
        </button>
        <button type="button" class="quiet" aria-label={`Next change of ${name}`} onClick={jump(1)}>
          ›
        </button>
      </td>
    </tr>
  );
}

function decimal(value: bigint): string {
  if (value < 10n) return '';
  const signed = BigInt.asIntN(64, value);
  return signed < 0n && signed > -0x1_0000_0000n ? `${signed}` : value < 1n << 53n ? `${value}` : '';
}
