/** Everything that is known of a register: ranges, bits, and what it points to. */
import type { JSX } from 'preact';
import type { RegisterState } from '../../verifier/event-reader.ts';

export function RegisterDetail({ state }: { state: RegisterState }): JSX.Element {
  const facts: [string, string][] = [
    ['unsigned', range(state.umin, state.umax)],
    ['signed', range(state.smin, state.smax)],
    ['unsigned, 32 bits', range(state.umin32, state.umax32)],
    ['signed, 32 bits', range(state.smin32, state.smax32)],
  ];
  if (state.off !== 0) facts.push(['constant offset', String(state.off)]);
  if (state.id !== 0) facts.push(['id (equal values share it)', String(state.id)]);
  if (state.refId !== 0) facts.push(['reference', String(state.refId)]);
  return (
    <>
      <dl class="facts">
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="mono">{text}</dd>
          </div>
        ))}
      </dl>
      <Bits value={state.value} mask={state.mask} />
    </>
  );
}

/** The known bits (tnum): 64 cells, highest first. */
function Bits({ value, mask }: { value: bigint; mask: bigint }): JSX.Element {
  const bits = Array.from({ length: 64 }, (_, i) => {
    const bit = 1n << BigInt(63 - i);
    return (mask & bit) !== 0n ? 'x' : (value & bit) !== 0n ? '1' : '0';
  });
  const bytes = Array.from({ length: 8 }, (_, i) => bits.slice(i * 8, i * 8 + 8).join(''));
  return (
    <div>
      <span class="muted">bits, x for unknown</span>
      <p class="bits mono">
        {bytes.map((byte, i) => (
          <span key={i} class={/[x1]/.test(byte) ? '' : 'muted'}>
            {byte}
          </span>
        ))}
      </p>
      <span class="mono muted">
        value {hex(value)}, unknown {hex(mask)}
      </span>
    </div>
  );
}

function range(low: bigint | number, high: bigint | number): string {
  return low === high ? `${low}` : `${text(low)} … ${text(high)}`;
}

/** Long numbers are read better in hex. */
function text(value: bigint | number): string {
  const big = BigInt(value);
  return big > 0xffff_ffffn || big < -0xffff_ffffn
    ? `${big < 0n ? '-' : ''}${hex(big < 0n ? -big : big)}`
    : String(big);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}
