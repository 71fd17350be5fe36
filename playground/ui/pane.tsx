/** A part of a view, with its heading. */
import type { ComponentChildren, JSX } from 'preact';

export interface PaneProps {
  readonly title: string;
  /** Beside the heading. */
  readonly tools?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}

export function Pane({ title, tools, class: className = '', children }: PaneProps): JSX.Element {
  return (
    <section class={`pane ${className}`} aria-label={title}>
      <header class="pane-head">
        <h2>{title}</h2>
        {tools && <div class="pane-tools">{tools}</div>}
      </header>
      <div class="pane-body">{children}</div>
    </section>
  );
}
