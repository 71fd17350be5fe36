/** Checkpoints to image files and back. */
import { InputError } from '../../bpf/input-error.ts';
import { differencesOf } from '../compare/differences.ts';
import type { CheckpointState } from '../state.ts';
import { checkSame } from './canonical.ts';
import type { CheckpointNote } from './notes.ts';
import { type Checkpoint, stateOf } from './read-images.ts';
import { writeImages } from './write-images.ts';

export type { Checkpoint, CheckpointNote };

/**
 * The images of a checkpoint, by name; the same state gives the same bytes.
 * @throws {InputError} for a state that would not come back from them as it is
 */
export function toImages(
  state: CheckpointState,
  notes: readonly CheckpointNote[] = [],
): Map<string, Uint8Array> {
  const files = writeImages(state, notes);
  const [lost] = differencesOf(state, stateOf(files).state);
  if (lost)
    throw new InputError(`${lost.path}: images cannot hold ${lost.before}, it would be ${lost.after}`);
  return files;
}

/** @throws {InputError} naming the file, and the entry with its field or the offset */
export function fromImages(files: ReadonlyMap<string, Uint8Array>): CheckpointState {
  return checkpointOf(files).state;
}

/** The state with what the checkpoint has to say of itself. @throws {InputError} as fromImages */
export function checkpointOf(files: ReadonlyMap<string, Uint8Array>): Checkpoint {
  const checkpoint = stateOf(files);
  // Images say many things twice, since CRIU's do. What was read is all that there was when it gives the same again.
  checkSame(files, writeImages(checkpoint.state, checkpoint.notes));
  return checkpoint;
}
