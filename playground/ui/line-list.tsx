/** A list of lines of equal height, of which only those in sight are in the document: logs have a million. */
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

export interface LineListProps {
  readonly label: string;
  readonly count: number;
  /** Content of a line. */
  render(index: number): ComponentChildren;
  /** Class names of a line. */
  className?(index: number): string;
  /** The line that is chosen; -1 or absent for none. It is kept in sight. */
  readonly selected?: number;
  /** By click, or by the arrow keys. */
  onSelect?(index: number): void;
  /** By the up and down keys, where not every line can be chosen. */
  onMove?(direction: 1 | -1): void;
  /** A line to bring into sight though it is not chosen; given anew to ask for it again. */
  readonly reveal?: { readonly line: number };
}

/** As --line in the style sheet, in pixels. */
const LINE = 22;
/** Lines drawn above and below what is in sight. */
const MARGIN = 12;
/** Browsers do not draw elements of more than about 2^24 pixels. */
const MOST_PIXELS = 15_000_000;

export function LineList(props: LineListProps): JSX.Element {
  const { label, count, selected = -1, onSelect, onMove } = props;
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(400);
  const pixels = Math.min(count * LINE, MOST_PIXELS);
  // Of very long lists the scroll bar moves by more than it shows.
  const scale = pixels > height ? (count * LINE - height) / (pixels - height) : 1;
  const first = Math.max(0, Math.floor((top * scale) / LINE) - MARGIN);
  const last = Math.min(count, Math.ceil((top * scale + height) / LINE) + MARGIN);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setHeight(element.clientHeight));
    observer.observe(element);
    setHeight(element.clientHeight);
    return () => observer.disconnect();
  }, []);

  const bringIntoSight = (line: number) => {
    const element = box.current;
    if (!element || line < 0) return;
    const at = line * LINE;
    const seen = element.scrollTop * scale;
    if (at >= seen + LINE && at + 2 * LINE <= seen + element.clientHeight) return;
    element.scrollTop = Math.max(0, at - element.clientHeight / 2) / scale;
    setTop(element.scrollTop);
  };
  useEffect(() => bringIntoSight(selected), [selected, count]);
  useEffect(() => {
    if (props.reveal) bringIntoSight(props.reveal.line);
  }, [props.reveal]);

  const onKeyDown = (event: KeyboardEvent) => {
    const direction = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : undefined;
    if (direction !== undefined && onMove) {
      event.preventDefault();
      onMove(direction);
      return;
    }
    const to = target(event.key, selected, count, Math.max(1, Math.floor(height / LINE) - 1));
    if (to === undefined || !onSelect) return;
    event.preventDefault();
    onSelect(to);
  };

  const lines: JSX.Element[] = [];
  for (let index = first; index < last; index++) {
    const isSelected = index === selected;
    lines.push(
      <div
        key={index}
        role="option"
        tabIndex={-1}
        aria-selected={isSelected}
        id={lineId(label, index)}
        class={`line ${isSelected ? 'selected' : ''} ${props.className?.(index) ?? ''}`}
        data-line={index}
      >
        {props.render(index)}
      </div>,
    );
  }
  const inSight = selected >= first && selected < last;
  return (
    <div
      ref={box}
      class="line-list"
      role="listbox"
      aria-label={label}
      tabIndex={0}
      {...(inSight ? { 'aria-activedescendant': lineId(label, selected) } : {})}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      onKeyDown={onKeyDown}
      onClick={({ target: clicked }) => {
        const line = (clicked as HTMLElement).closest<HTMLElement>('[data-line]')?.dataset.line;
        if (line !== undefined) onSelect?.(Number(line));
      }}
    >
      <div class="line-list-space" style={{ height: `${pixels}px` }} role="presentation">
        <div
          class="line-list-lines"
          role="presentation"
          style={{ transform: `translateY(${first * LINE - top * scale + top}px)` }}
        >
          {lines}
        </div>
      </div>
    </div>
  );
}

function lineId(label: string, index: number): string {
  return `${label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${index}`;
}

function target(key: string, selected: number, count: number, page: number): number | undefined {
  const moves: { readonly [key: string]: number } = {
    ArrowDown: selected + 1,
    ArrowUp: selected - 1,
    PageDown: selected + page,
    PageUp: selected - page,
    Home: 0,
    End: count - 1,
  };
  const to = moves[key];
  return to === undefined ? undefined : Math.max(0, Math.min(count - 1, to));
}
