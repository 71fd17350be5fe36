/** The program: instructions with their source, breakpoints, and where the run stands. */
import type { JSX } from 'preact';
import type { ListingLine } from '../../../session/debugger/listing.ts';
import { LineList } from '../../ui/line-list.tsx';
import { Pane } from '../../ui/pane.tsx';
import { COMMANDS } from '../keys.ts';
import { breakpoints, busy, isBreakpoint, line, recorded, slot, toggleBreakpoint } from '../state.ts';

export function CodePane(): JSX.Element {
  const listing = recorded.value?.listing ?? [];
  const chosen = listing[line.value];
  const isSet = isBreakpoint(line.value);
  const tools = (
    <>
      {breakpoints.value.size > 0 && (
        <button
          type="button"
          class="quiet"
          onClick={() => {
            breakpoints.value = new Set();
          }}
        >
          Clear {breakpoints.value.size}
        </button>
      )}
      <button type="button" aria-pressed={isSet} disabled={!chosen} onClick={COMMANDS.breakpoint.do}>
        Breakpoint
      </button>
    </>
  );
  return (
    <Pane title="Program" class="run-code" tools={tools}>
      {listing.length === 0 && (
        <p class="run-nothing">
          {busy.value
            ? 'Being run…'
            : 'Choose an iterator and a scene for it to run over: every instruction it executes can be looked at here, forwards and back.'}
        </p>
      )}
      <div class="run-code-lines" hidden={listing.length === 0} onClickCapture={toggle}>
        <LineList
          label="Instructions"
          count={listing.length}
          selected={line.value}
          onSelect={(index) => {
            line.value = index;
          }}
          className={(index) => classOf(listing[index])}
          render={(index) => <Line of={listing[index]} index={index} />}
        />
      </div>
    </Pane>
  );
}

/** A click into the gutter is one for a breakpoint. */
function toggle(event: MouseEvent): void {
  const at = (event.target as HTMLElement).closest<HTMLElement>('[data-breakpoint]')?.dataset.breakpoint;
  if (at === undefined) return;
  toggleBreakpoint(Number(at));
  event.stopPropagation();
}

function classOf(of: ListingLine | undefined): string {
  if (!of) return '';
  const { kind, slot: at } = of;
  const current = kind === 'insn' && at === slot.value ? 'current' : '';
  const fault = kind === 'insn' && at === recorded.value?.fault ? 'fault' : '';
  return `code-${kind} ${current} ${fault}`;
}

/** Source of headers is told from that of the program's own file. */
function isElsewhere(place: string): boolean {
  const first = recorded.value?.listing.find(({ kind }) => kind === 'source');
  const file = (text: string) => text.slice(0, text.lastIndexOf(':'));
  return first?.kind === 'source' && file(first.place) !== file(place);
}

function Line({ of, index }: { of: ListingLine | undefined; index: number }): JSX.Element {
  if (!of) return <span />;
  const set = isBreakpoint(index);
  const isInsn = of.kind === 'insn';
  const stands = isInsn && of.slot === slot.value;
  return (
    <>
      {of.kind === 'function' ? (
        <span class="code-gutter" />
      ) : (
        <span
          class={`code-gutter ${set ? 'set' : ''}`}
          data-breakpoint={index}
          title={set ? 'Clear the breakpoint' : 'Set a breakpoint'}
        >
          {set ? '●' : '○'}
        </span>
      )}
      {set && <span class="visually-hidden">breakpoint</span>}
      {isInsn && (
        <span class="code-slot">
          {stands ? '→' : ' '}
          {String(of.slot).padStart(5)}
        </span>
      )}
      {of.kind === 'source' && (
        <span class="code-slot" title={of.place}>
          {of.place.slice(of.place.lastIndexOf(':')).padStart(6)}
        </span>
      )}
      <span class="code-text">{of.text}</span>
      {of.kind === 'source' && isElsewhere(of.place) && <span class="code-place">{of.place}</span>}
    </>
  );
}
