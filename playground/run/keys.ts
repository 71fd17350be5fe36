/** What the keyboard does in the Run view, and what its help says about it. */
import type { Direction, Wanted } from '../../session/debugger/timeline.ts';
import { goTo, run } from './control.ts';
import { breakpoints, busy, line, step, timeline, toggleBreakpoint } from './state.ts';

export interface Command {
  readonly name: string;
  readonly keys: string;
  readonly about: string;
  do(): void;
}

export function find(wanted: Wanted, direction: Direction): void {
  goTo(timeline.value?.find(wanted, step.value, direction));
}

/** To the next breakpoint, or as far as there is anything. */
function proceed(direction: Direction): void {
  const last = timeline.value?.last ?? 0;
  const hit = timeline.value?.find({ kind: 'breakpoint', slots: breakpoints.value }, step.value, direction);
  goTo(hit ?? (direction === 1 ? last : 0));
}

export const COMMANDS = {
  reverse: {
    name: 'Reverse',
    keys: 'Shift+F8',
    about: 'back to the last breakpoint, or the start',
    do: () => proceed(-1),
  },
  back: { name: 'Step back', keys: '←', about: 'one instruction back', do: () => goTo(step.value - 1) },
  forward: { name: 'Step', keys: '→', about: 'one instruction on', do: () => goTo(step.value + 1) },
  overBack: {
    name: 'Step over, back',
    keys: 'Shift+F10',
    about: 'back over calls',
    do: () => find({ kind: 'over' }, -1),
  },
  over: { name: 'Step over', keys: 'F10', about: 'on, over calls', do: () => find({ kind: 'over' }, 1) },
  out: {
    name: 'Step out',
    keys: 'Shift+F11',
    about: 'until the function returns',
    do: () => find({ kind: 'out' }, 1),
  },
  proceed: {
    name: 'Continue',
    keys: 'F8',
    about: 'to the next breakpoint, or the end',
    do: () => proceed(1),
  },
  output: {
    name: 'Next output',
    keys: 'O',
    about: 'to where more is written',
    do: () => find({ kind: 'output' }, 1),
  },
  outputBack: {
    name: 'Last output',
    keys: 'Shift+O',
    about: 'back to where it was written',
    do: () => find({ kind: 'output' }, -1),
  },
  nextRun: {
    name: 'Next object',
    keys: 'N',
    about: 'to the next run of the program',
    do: () => find({ kind: 'run' }, 1),
  },
  lastRun: {
    name: 'Last object',
    keys: 'Shift+N',
    about: 'to the start of this run, or of the one before',
    do: () => find({ kind: 'run' }, -1),
  },
  breakpoint: {
    name: 'Breakpoint',
    keys: 'B',
    about: 'sets or clears one at the line',
    do: () => toggleBreakpoint(line.value),
  },
  run: { name: 'Run', keys: 'R', about: 'runs the program anew', do: () => void (busy.value || run()) },
} as const satisfies { readonly [name: string]: Command };

const ALIASES: { readonly [key: string]: string } = { ArrowLeft: '←', ArrowRight: '→' };
/** Fields take keys themselves; tabs and the slider their arrows. */
const TAKERS = 'input:not([type="range"]), select, textarea, .cm-editor, [role="tab"]';

export function onKey(event: KeyboardEvent): void {
  const taken = event.target instanceof Element && event.target.closest(TAKERS);
  if (event.ctrlKey || event.metaKey || event.altKey || taken) return;
  const key = ALIASES[event.key] ?? (event.key.length === 1 ? event.key.toUpperCase() : event.key);
  const pressed = event.shiftKey ? `Shift+${key}` : key;
  const command = Object.values(COMMANDS).find(({ keys }) => keys === pressed);
  if (!command) return;
  event.preventDefault();
  command.do();
}
