/** An order as a table: a column for each actor, time going down; bars beside a column show what it holds. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { NextSteps } from './choices.tsx';
import { type Lanes, laneCount, lanesOf, lockClass, locksOf } from './colours.ts';
import type { LockWait, Walk, WalkRow } from './protocol.ts';
import { goTo, redo, undo } from './state.ts';
import { kindText } from './words.ts';

/** Pixels around the step that is brought into sight. */
const ROOM = 12;
/** Pixels that a lane takes. */
const LANE = 10;

export function Timeline({ walk }: { walk: Walk }): JSX.Element {
  const { actors, rows, cursor } = walk;
  const locks = locksOf(walk);
  const lanes = actors.map((_, id) => lanesOf(rows, id));
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (box.current) bringIntoSight(box.current);
  }, [walk]);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowUp' && event.key !== 'ArrowDown') return;
    event.preventDefault();
    if (event.key === 'ArrowUp') undo();
    else redo();
  };
  return (
    <>
      <Legend locks={locks} walk={walk} />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard */}
      <section class="timeline-box" ref={box} tabIndex={0} aria-label="Timeline" onKeyDown={onKeyDown}>
        <table class="timeline">
          <thead>
            <tr>
              <th scope="col" class="number">
                <span class="visually-hidden">Step</span>
              </th>
              {actors.map(({ name, daemon }) => (
                <th key={name} scope="col">
                  {name}
                  {daemon && <small>thread of the kernel</small>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.length === 0 && (
              <tr class="nothing-yet">
                <td class="number" />
                <td colSpan={actors.length}>Nobody has done anything yet: choose who moves first.</td>
              </tr>
            )}
            {rows.map((row, index) => (
              <Row
                key={row.at}
                row={row}
                index={index}
                walk={walk}
                locks={locks}
                lanes={lanes}
                current={isCurrent(rows, index, cursor)}
              />
            ))}
          </tbody>
          <NextSteps walk={walk} locks={locks} />
        </table>
      </section>
    </>
  );
}

/** The step that was made last, between the heads of the columns and the next steps; the page itself stays. */
function bringIntoSight(box: HTMLElement): void {
  const current = box.querySelector('[aria-current="step"]')?.closest('.card-place');
  if (!current) {
    box.scrollTop = 0;
    return;
  }
  const edge = (selector: string) => box.querySelector(selector)?.getBoundingClientRect();
  const [card, head, foot, number] = [
    current.getBoundingClientRect(),
    edge('thead th'),
    edge('tfoot td'),
    edge('tfoot th'),
  ];
  if (!head || !foot || !number) return;
  const { right } = box.getBoundingClientRect();
  const by = (start: number, end: number, from: number, to: number) =>
    start < from ? start - from : Math.max(0, Math.min(end - to, start - from));
  box.scrollTop += by(card.top - ROOM, card.bottom + ROOM, head.bottom, foot.top);
  box.scrollLeft += by(card.left - ROOM, card.right + ROOM, number.right, right);
}

function isCurrent(rows: readonly WalkRow[], index: number, cursor: number): boolean {
  const [row, next] = [rows[index], rows[index + 1]];
  return row !== undefined && row.at <= cursor && (next === undefined || next.at > cursor);
}

function Legend({
  locks,
  walk: { rows, cursor, actors },
}: {
  locks: readonly string[];
  walk: Walk;
}): JSX.Element | null {
  if (locks.length === 0) return null;
  const held = rows.findLast(({ at }) => at <= cursor)?.held ?? [];
  const holders = (lock: string) =>
    held.flatMap((each) =>
      each.lock === lock ? [`${actors[each.actor]?.name ?? '?'}${each.shared ? ' (shared)' : ''}`] : [],
    );
  return (
    <ul class="lock-legend" aria-label="Locks">
      {locks.map((lock) => (
        <li key={lock} class={lockClass(locks, lock)}>
          <span class="lock-name">{lock}</span>{' '}
          {holders(lock).length > 0 ? `held by ${holders(lock).join(', ')}` : 'free'}
        </li>
      ))}
    </ul>
  );
}

interface RowProps {
  readonly row: WalkRow;
  readonly index: number;
  readonly walk: Walk;
  readonly locks: readonly string[];
  readonly lanes: readonly Lanes[];
  readonly current: boolean;
}

function Row({ row, index, walk, locks, lanes, current }: RowProps): JSX.Element {
  const { actors, rows, cursor, waits: atStart } = walk;
  const before = rows[index - 1];
  const number = numberOf(rows, index);
  const waitedBefore = before?.waits ?? atStart;
  return (
    <tr
      class={`${row.at > cursor ? 'taken-back' : ''} ${current ? 'current' : ''} ${row.findings.length > 0 ? 'wrong' : ''}`}
    >
      <th scope="row" class="number">
        {number}
      </th>
      {actors.map((actor, id) => {
        const wait = row.waits.find((each) => each.actor === id);
        const known = waitedBefore.find((each) => each.actor === id);
        return (
          <td key={actor.name} class={wait ? 'waiting' : ''}>
            <div class="cell" style={{ paddingLeft: `${LANE * laneCount(lanes[id] ?? [])}px` }}>
              <LaneBars lanes={lanes[id] ?? []} id={id} index={index} row={row} locks={locks} />
              {row.actor === id ? (
                <Card
                  row={row}
                  number={number}
                  name={actor.name}
                  locks={locks}
                  current={current}
                  wait={wait}
                />
              ) : (
                wait && (known?.reason !== wait.reason || index === 0) && <Waits wait={wait} locks={locks} />
              )}
            </div>
          </td>
        );
      })}
    </tr>
  );
}

/** Silent steps are not counted, as in the traces of findings. */
function numberOf(rows: readonly WalkRow[], index: number): string {
  if (rows[index]?.silent) return '·';
  return String(rows.slice(0, index + 1).filter(({ silent }) => !silent).length);
}

interface CardProps {
  readonly row: WalkRow;
  readonly number: string;
  readonly name: string;
  readonly locks: readonly string[];
  readonly current: boolean;
  readonly wait: LockWait | undefined;
}

function Card({ row, number, name, locks, current, wait }: CardProps): JSX.Element {
  const [lock] = [...row.takes, ...row.drops];
  const how = row.takes.length > 0 ? 'takes' : row.drops.length > 0 ? 'drops' : '';
  return (
    <div class="card-place">
      <button
        type="button"
        class={`card ${row.silent ? 'silent' : ''} ${how} ${lock === undefined ? '' : lockClass(locks, lock)}`}
        aria-label={`${number === '·' ? '' : `Step ${number}, `}${name}: ${row.text}`}
        {...(current ? { 'aria-current': 'step' as const } : {})}
        onClick={() => goTo(row.end)}
      >
        {row.text}
      </button>
      {row.findings.map(({ kind, message }) => (
        <p key={message} class="card-finding">
          <strong>{kindText(kind)}</strong> {message}
        </p>
      ))}
      {wait && <Waits wait={wait} locks={locks} />}
    </div>
  );
}

function Waits({ wait: { what, reason }, locks }: { wait: LockWait; locks: readonly string[] }): JSX.Element {
  const [, holder] = reason.split(/, (?=held by|which)/);
  return (
    <p class={`waits ${lockClass(locks, what)}`}>
      waits for <span class="lock-name">{what}</span>
      {holder ? `, ${holder}` : ''}
    </p>
  );
}

interface LaneBarsProps {
  readonly lanes: Lanes;
  readonly id: number;
  readonly index: number;
  readonly row: WalkRow;
  readonly locks: readonly string[];
}

function LaneBars({ lanes, id, index, row, locks }: LaneBarsProps): JSX.Element {
  const [before, now = [], after] = [lanes[index - 1], lanes[index], lanes[index + 1]];
  const isShared = (lock: string) =>
    row.held.some((each) => each.actor === id && each.lock === lock && each.shared);
  return (
    <span class="lanes" aria-hidden="true">
      {now.map((lock, lane) => {
        if (lock === undefined) return <span key={lane} class="lane" />;
        const ends = `${before?.[lane] === lock ? '' : 'first'} ${after && after[lane] !== lock ? 'last' : ''}`;
        const how = isShared(lock) ? 'shared' : '';
        return <span key={lane} title={lock} class={`lane on ${lockClass(locks, lock)} ${how} ${ends}`} />;
      })}
    </span>
  );
}
