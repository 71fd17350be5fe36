/** Why a kept state covers the one that a path had come to, place by place. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { Coverage, CoverageReason } from '../../verifier/trace/coverage.ts';
import { coverageOf } from './state.ts';

const REASONS: { readonly [reason in CoverageReason]: string } = {
  same: 'the same',
  anything: 'nothing was known of it',
  inexact: 'its exact value was not needed',
  within: 'within what was allowed',
  unread: 'not read any more',
};

export function CoverageTable({ path }: { path: number }): JSX.Element {
  const [coverage, show] = useState<Coverage | undefined>(undefined);
  if (!coverage) {
    const ask = async () => show(await coverageOf(path));
    return (
      <button type="button" class="link" onClick={() => void ask()}>
        why
      </button>
    );
  }
  return (
    <table class="coverage">
      <thead>
        <tr>
          <th scope="col">place</th>
          <th scope="col">here</th>
          <th scope="col">state {coverage.state}</th>
          <th scope="col">covered, because</th>
        </tr>
      </thead>
      <tbody>
        {coverage.rows.map(({ frame, place, here, kept, reason }) => (
          <tr key={`${frame} ${place}`}>
            <th scope="row">
              {place}
              {frame > 0 && ` of frame ${frame}`}
            </th>
            <td class="mono">{here}</td>
            <td class="mono">{kept}</td>
            <td>{REASONS[reason]}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
