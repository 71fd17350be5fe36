/** What a service says while it answers a call: how far it is. Calls are answered one after another. */
import type { Progress } from './protocol.ts';

let underWay: number | undefined;

/** The worker begins with a call; undefined when it has ended. */
export function beginCall(id: number | undefined): void {
  underWay = id;
}

/** Tells the page how far the call under way is. Nobody is told when there is none, as in tests. */
export function say(progress: unknown): void {
  if (underWay === undefined) return;
  const message: Progress = { id: underWay, progress };
  self.postMessage(message);
}
