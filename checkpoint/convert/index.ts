import type { Refusal } from '../dump/refusal.ts';
import type { CheckpointState } from '../state.ts';
export function toImages(_state: CheckpointState, _notes?: readonly Refusal[]): Map<string, Uint8Array> {
  throw new Error('not there yet');
}
export function fromImages(_files: ReadonlyMap<string, Uint8Array>): CheckpointState {
  throw new Error('not there yet');
}
