/** Memory by type: the program's argument, and what the user asks to see. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';
import { addWatch, inspection, recorded, removeWatch, watches } from '../state.ts';
import { ValueTree } from './value-tree.tsx';

export function Memory(): JSX.Element {
  const views = inspection.value?.watches ?? [];
  return (
    <div class="run-memory">
      {(recorded.value ? watches.value : []).map((watch, index) => {
        const view = views[index];
        const isOf = view?.address === watch.address && view.type === watch.type;
        const remove = (
          <button
            type="button"
            class="quiet value-remove"
            aria-label={`Stop looking at ${watch.address} as ${watch.type}`}
            onClick={() => removeWatch(watch)}
          >
            ×
          </button>
        );
        if (isOf && 'value' in view)
          return <ValueTree key={`${watch.address}:${watch.type}`} value={view.value} tools={remove} />;
        return (
          <p key={`${watch.address}:${watch.type}`} class="run-watch-error">
            <span class="mono">
              {watch.address} as {watch.type}
            </span>
            <span>{isOf && 'error' in view ? view.error : 'reading…'}</span>
            {remove}
          </p>
        );
      })}
      <NewWatch />
    </div>
  );
}

function NewWatch(): JSX.Element {
  const [address, setAddress] = useState('');
  const [type, setType] = useState('');
  return (
    <form
      class="run-new-watch"
      aria-label="Look at memory"
      onSubmit={(event) => {
        event.preventDefault();
        if (address.trim() && type.trim()) addWatch({ address: address.trim(), type: type.trim() });
        setAddress('');
      }}
    >
      <input
        type="text"
        class="mono"
        aria-label="Address to look at"
        placeholder="r6, fp-16, 0xffff…"
        value={address}
        onInput={({ currentTarget }) => setAddress(currentTarget.value)}
      />
      <input
        type="text"
        class="mono"
        aria-label="Type to look at it as"
        placeholder="struct io_ring_ctx"
        value={type}
        onInput={({ currentTarget }) => setType(currentTarget.value)}
      />
      <button type="submit">Look</button>
    </form>
  );
}
