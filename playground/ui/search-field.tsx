/** Looks for text in a list: Enter for the next place, Shift and Enter for the one before. */
import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

export interface SearchFieldProps {
  /** "the log" */
  readonly where: string;
  /** Whether it was found. */
  search(text: string, direction: 1 | -1): Promise<boolean>;
}

export function SearchField({ where, search }: SearchFieldProps): JSX.Element {
  const [missing, setMissing] = useState(false);
  return (
    <input
      type="search"
      class={`search ${missing ? 'missing' : ''}`}
      placeholder="Search"
      aria-label={`Search ${where}`}
      aria-invalid={missing}
      onInput={() => setMissing(false)}
      onKeyDown={async (event) => {
        if (event.key !== 'Enter') return;
        const { value } = event.currentTarget;
        setMissing(value !== '' && !(await search(value, event.shiftKey ? -1 : 1)));
      }}
    />
  );
}
