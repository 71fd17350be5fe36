/** Whose exact values kept states need: found out bit by bit, as other paths are followed behind them. */
import { EventHead, PreciseEvent } from '../event-abi.ts';

/** "0 R1", "0 fp-8": frame and place. */
export type PlaceKey = string;

const REGISTERS = 11;
const SLOTS = 64n;
const NOTHING: ReadonlySet<PlaceKey> = new Set();

/** Names of the registers and stack slots, a bit each: "R1", "fp-8". */
export function neededPlaces(registers: number, slots: bigint): string[] {
  const places: string[] = [];
  for (let register = 0; register < REGISTERS; register++) {
    if ((registers & (1 << register)) !== 0) places.push(`R${register}`);
  }
  for (let slot = 0n; slot < SLOTS; slot++) {
    if ((slots & (1n << slot)) !== 0n) places.push(`fp-${(Number(slot) + 1) * 8}`);
  }
  return places;
}

export class Needs {
  private readonly ofState = new Map<number, ReadonlySet<PlaceKey>>();
  /** As it was when a path ended because of the state. */
  private readonly ofPath = new Map<number, ReadonlySet<PlaceKey>>();

  /** A kept state needs more, says the event at a position. */
  add(state: number, view: DataView, at: number): void {
    const frame = view.getUint8(at + EventHead.Frame);
    const registers = view.getUint32(at + PreciseEvent.Registers, true);
    const slots = view.getBigUint64(at + PreciseEvent.Slots, true);
    const needed = neededPlaces(registers, slots).map((place) => `${frame} ${place}`);
    this.ofState.set(state, new Set([...(this.ofState.get(state) ?? []), ...needed]));
  }

  /** A path ends because of the state. */
  settle(path: number, state: number): void {
    this.ofPath.set(path, this.ofState.get(state) ?? NOTHING);
  }

  of(path: number): ReadonlySet<PlaceKey> {
    return this.ofPath.get(path) ?? NOTHING;
  }
}
