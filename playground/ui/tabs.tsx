/** A row of tabs, moved through with the arrow keys. */
import type { JSX } from 'preact';

export interface TabsProps<Name extends string> {
  readonly label: string;
  readonly names: readonly Name[];
  readonly current: Name;
  /** Id of the panel they change. */
  readonly panel: string;
  text(name: Name): string;
  choose(name: Name): void;
}

export function Tabs<Name extends string>(props: TabsProps<Name>): JSX.Element {
  const { label, names, current, panel, text, choose } = props;
  const move = (event: KeyboardEvent, index: number) => {
    event.preventDefault();
    const to = names[(index + names.length) % names.length] as Name;
    choose(to);
    const row = (event.currentTarget as HTMLElement).parentElement;
    row?.querySelector<HTMLElement>(`[data-name="${to}"]`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label={label}>
      {names.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          data-name={name}
          aria-selected={name === current}
          aria-controls={panel}
          tabIndex={name === current ? 0 : -1}
          onClick={() => choose(name)}
          onKeyDown={(event) => {
            const index = names.indexOf(current);
            if (event.key === 'ArrowRight') move(event, index + 1);
            if (event.key === 'ArrowLeft') move(event, index - 1);
            if (event.key === 'Home') move(event, 0);
            if (event.key === 'End') move(event, -1);
          }}
        >
          {text(name)}
        </button>
      ))}
    </div>
  );
}
