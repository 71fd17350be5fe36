/** Registered buffers over the mappings they lie in and the pages that they hold. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import type { RingView } from '../../../session/debugger/scene-overview.ts';
import { Pane } from '../../ui/pane.tsx';
import { overview } from '../state.ts';
import {
  bufferText,
  hexText,
  mappingText,
  type Placed,
  pageText,
  type Strip,
  sizeText,
  stripsOf,
} from './buffer-strip.ts';

export function BuffersPane(): JSX.Element {
  const rings = (overview.value?.rings ?? []).filter(({ buffers }) =>
    buffers.some((buffer) => buffer !== undefined),
  );
  return (
    <Pane
      title="Registered buffers"
      class="run-buffers"
      tools={
        <ul class="strip-legend" aria-label="Legend">
          <li class="mapping">mapping</li>
          <li class="buffer">buffer</li>
          <li class="page">pinned pages</li>
          <li class="page shared">shared</li>
          <li class="page gone">mapped no more</li>
        </ul>
      }
    >
      {rings.length === 0 ? (
        <p class="run-nothing">No ring of the scene has registered buffers.</p>
      ) : (
        rings.map((ring) => <Ring key={ring.label} ring={ring} />)
      )}
    </Pane>
  );
}

function Ring({ ring }: { ring: RingView }): JSX.Element {
  const buffers = ring.buffers.filter((buffer) => buffer !== undefined);
  const empty = ring.buffers.length - buffers.length;
  const charged = buffers.reduce((sum, buffer) => sum + buffer.charged, 0);
  return (
    <section class="run-ring" aria-label={`Buffers of ${ring.label}`}>
      <h3>
        {ring.label}
        <span class="muted">
          {counted(buffers.length, 'buffer')}
          {empty > 0 && `, ${counted(empty, 'empty slot')}`}; {counted(charged, 'page')} charged
          {ring.pid === undefined
            ? '; the memory they are from is gone'
            : `; ${ring.pinned} pinned in the memory of task ${ring.pid}`}
        </span>
      </h3>
      <div class="strips">
        {stripsOf(ring).map((strip) => (
          <StripView key={strip.start} strip={strip} />
        ))}
      </div>
      <Table ring={ring} />
    </section>
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

function StripView({ strip }: { strip: Strip }): JSX.Element {
  const [detail, setDetail] = useState('');
  const show = (text: string) => ({
    title: text,
    'aria-label': text,
    onMouseEnter: () => setDetail(text),
    onFocus: () => setDetail(text),
  });
  return (
    <div class="strip">
      <div class="strip-row mappings">
        {strip.mappings.length === 0 && <span class="strip-none">nothing is mapped here any more</span>}
        {strip.mappings.map((placed) => (
          <span
            key={placed.of.start}
            class={`strip-bar mapping ${ends(placed)}`}
            style={at(placed)}
            title={mappingText(placed.of)}
          >
            {hexText(placed.of.start)} {placed.of.access} {placed.of.what},{' '}
            {sizeText(placed.of.end - placed.of.start)}
          </span>
        ))}
      </div>
      {strip.lanes.map((lane, index) => (
        <div key={index} class="strip-row">
          {lane.map((placed) => (
            <button
              key={placed.of.slot}
              type="button"
              class="strip-bar buffer"
              style={at(placed)}
              {...show(bufferText(placed.of))}
            >
              {placed.of.slot}
            </button>
          ))}
        </div>
      ))}
      <div class="strip-row pages">
        {strip.pages.map((placed) => {
          const { of } = placed;
          const state = `${of.shared.length > 0 ? 'shared' : ''} ${of.mapped ? '' : 'gone'}`;
          return (
            <button
              key={`${of.start}:${of.frame}`}
              type="button"
              class={`strip-bar page ${state}`}
              style={{ ...at(placed), backgroundSize: `${100 / of.count}% 100%` }}
              {...show(pageText(of))}
            >
              <span>{hexText(of.frame)}</span>
            </button>
          );
        })}
      </div>
      <p class="strip-detail mono">{detail || `${hexText(strip.first)} to ${hexText(strip.last)}`}</p>
    </div>
  );
}

function at({ left, width }: Placed<unknown>): { left: string; width: string } {
  return { left: `${100 * left}%`, width: `${100 * width}%` };
}

function ends({ before, after }: Placed<unknown>): string {
  return `${before ? 'before' : ''} ${after ? 'after' : ''}`;
}

/** The same without a picture. */
function Table({ ring }: { ring: RingView }): JSX.Element {
  return (
    <details class="run-buffer-table">
      <summary>As a table</summary>
      <div class="table-scroll">
        <table class="run-table mono" aria-label={`Buffers of ${ring.label}`}>
          <thead>
            <tr>
              {['Slot', 'Address', 'Bytes', 'Mapping', 'First frame', 'Pieces', 'Charged'].map((head) => (
                <th key={head} scope="col">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {ring.buffers.map((buffer, slot) => (
              <tr key={slot}>
                <th scope="row">{slot}</th>
                <td>{buffer ? hexText(buffer.address) : 'empty'}</td>
                <td>{buffer?.length}</td>
                <td>{buffer && (buffer.mappings.map(mappingText).join('; ') || 'none')}</td>
                <td>{buffer?.pages[0] && hexText(buffer.pages[0].frame)}</td>
                <td>{buffer?.pageCount}</td>
                <td>{buffer?.charged}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
