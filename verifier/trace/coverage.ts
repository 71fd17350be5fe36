/**
 * Why one state covers another, place by place. The verifier itself says only that it does; what it went by follows from
 * what both knew, and from what was needed exactly by then.
 */
import type { RegisterState } from '../event-reader.ts';
import { Reg } from '../types.ts';
import type { PlaceKey } from './needs.ts';
import { slotText, type TraceState } from './trace-state.ts';

export type CoverageReason =
  /** Both know the same. */
  | 'same'
  /** The kept state knew nothing of it: whatever it is, it was gone on from. */
  | 'anything'
  /** A number whose exact value nothing behind the kept state depended on. */
  | 'inexact'
  /** A number that is among those the kept state allowed. */
  | 'within'
  /** Nothing behind the kept state reads it. */
  | 'unread';

export interface CoverageRow {
  readonly frame: number;
  /** "R1", "fp-8" */
  readonly place: string;
  /** As the log words it; empty for nothing. */
  readonly here: string;
  readonly kept: string;
  readonly reason: CoverageReason;
}

export interface Coverage {
  /** Number of the kept state, and the step before which it was kept. */
  readonly state: number;
  readonly kept: number;
  readonly rows: readonly CoverageRow[];
}

interface Known {
  readonly state: RegisterState;
  readonly text: string;
}

/** @param needed places whose exact values the kept state needed */
export function compareStates(
  here: TraceState,
  kept: TraceState,
  needed: ReadonlySet<PlaceKey>,
): CoverageRow[] {
  const rows: CoverageRow[] = [];
  here.frames.forEach((_, frame) => {
    const now = knownOf(here, frame);
    const then = knownOf(kept, frame);
    for (const place of new Set([...now.keys(), ...then.keys()])) {
      const [a, b] = [now.get(place), then.get(place)];
      rows.push({
        frame,
        place,
        here: a?.text ?? '',
        kept: b?.text ?? '',
        reason: reasonOf(a, b, needed.has(`${frame} ${place}`)),
      });
    }
  });
  return rows;
}

function knownOf({ frames }: TraceState, frame: number): Map<string, Known> {
  const { registers = [], slots = [] } = frames[frame] ?? {};
  const known = new Map<string, Known>();
  for (const { name, state } of registers) {
    if (state.type !== Reg.NotInit) known.set(name, { state, text: state.text });
  }
  for (const slot of slots) known.set(slot.name, { state: slot.state, text: slotText(slot) });
  return known;
}

function reasonOf(here: Known | undefined, kept: Known | undefined, isNeeded: boolean): CoverageReason {
  if (!kept) return 'anything';
  if (!here) return 'unread';
  if (here.text === kept.text) return 'same';
  const areNumbers = here.state.type === Reg.Scalar && kept.state.type === Reg.Scalar;
  if (!areNumbers) return sameButForNumbers(here, kept) ? 'same' : 'unread';
  if (!isNeeded && !kept.state.precise) return 'inexact';
  return isWithin(here.state, kept.state) ? 'within' : 'unread';
}

/** Ids are compared by which places share them, and not by what they are. */
function sameButForNumbers(here: Known, kept: Known): boolean {
  const plain = ({ text }: Known) => text.replace(/(ref_obj_id|id)=\d+,?/g, '').replace('()', '');
  return here.state.type === kept.state.type && plain(here) === plain(kept);
}

function isWithin(here: RegisterState, kept: RegisterState): boolean {
  const ranges =
    kept.umin <= here.umin && here.umax <= kept.umax && kept.smin <= here.smin && here.smax <= kept.smax;
  const bits = (here.mask & ~kept.mask) === 0n && (here.value & ~kept.mask) === kept.value;
  return ranges && bits;
}
