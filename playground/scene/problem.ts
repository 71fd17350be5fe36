/** What is wrong with the text of a scene. */
import { CallError } from '../rpc/client.ts';
import type { Place } from '../rpc/protocol.ts';

export interface SceneProblem {
  readonly message: string;
  readonly at: Place | undefined;
}

/** What a call of a worker says is wrong with the text. @throws what is not about the text */
export function problemOf(error: unknown): SceneProblem {
  if (!(error instanceof CallError) || error.bug) throw error;
  // The place is said apart.
  return { message: error.message.replace(/^\S*?:\d+:\d+: /, ''), at: error.at };
}

export function problemText({ message, at }: SceneProblem): string {
  return at ? `Line ${at.line}, column ${at.column}: ${message}` : message;
}
