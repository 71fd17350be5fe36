/** What a checkpoint has to say of itself: state that is not in the images as it was. */
import type { MessageInit, MessageValue, ValueOf } from '../image/index.ts';

export interface CheckpointNote {
  /** Number in the inventory of ring state. */
  readonly item: number;
  readonly action: 'dropped' | 'normalised' | 'quiesced' | 'refused';
  readonly text: string;
}

type Action = ValueOf<'drydock_action'>;

const ACTIONS = {
  DROPPED: 'dropped',
  NORMALISED: 'normalised',
  QUIESCED: 'quiesced',
  REFUSED: 'refused',
} as const satisfies Record<Action, CheckpointNote['action']>;

export function noteEntry({ item, action, text }: CheckpointNote): MessageInit<'drydock_note_entry'> {
  return { item, action: action.toUpperCase() as Action, text };
}

export function noteOf({ item, action, text }: MessageValue<'drydock_note_entry'>): CheckpointNote {
  return { item, action: ACTIONS[action], text };
}
