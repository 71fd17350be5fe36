/** The object's maps and the scene's, by the types of their values. */
import type { JSX } from 'preact';
import type { MapView } from '../../../session/debugger/inspect.ts';
import { inspection } from '../state.ts';
import { ValueTree } from './value-tree.tsx';

const TYPES: { readonly [type: number]: string } = {
  1: 'hash',
  2: 'array',
  3: 'prog array',
  4: 'perf event array',
  5: 'per-CPU hash',
  6: 'per-CPU array',
  9: 'LRU hash',
  10: 'per-CPU LRU hash',
  11: 'LPM trie',
  12: 'array of maps',
  13: 'hash of maps',
  22: 'queue',
  23: 'stack',
  27: 'ring buffer',
  29: 'task storage',
};

export function Maps(): JSX.Element {
  const maps = inspection.value?.maps ?? [];
  if (maps.length === 0) return <p class="run-nothing">Neither the object nor the scene has a map.</p>;
  return (
    <div class="run-maps">
      {maps.map((map, index) => (
        <OneMap key={index} map={map} />
      ))}
    </div>
  );
}

function OneMap({ map }: { map: MapView }): JSX.Element {
  const { name, type, keySize, valueSize, maxEntries, count, entries, more } = map;
  return (
    <section aria-label={`Map ${name}`}>
      <h3>
        <span class="mono">{name}</span>
        <span class="muted">
          {TYPES[type] ?? `type ${type}`}, {count} of {maxEntries}, {keySize} → {valueSize} bytes
        </span>
      </h3>
      {entries.map((entry) => (
        <ValueTree key={entry.path} value={entry} />
      ))}
      {more && <p class="muted">More entries than are shown.</p>}
    </section>
  );
}
