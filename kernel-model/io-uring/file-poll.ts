/** Asking files what they are ready for. */
import type { File, Readiness } from '../file.ts';
import { ALWAYS_READY } from '../wait-queue.ts';

/** Whether the kind of file can be waited for. */
export function canPoll(file: File | undefined): boolean {
  return file?.ops.pollable ?? false;
}

/** A kind without a poll operation is always ready, and no queue tells of changes. */
export function readiness(file: File): Readiness {
  if (file.ops.poll) return file.ops.poll(file);
  return { mask: canPoll(file) ? 0 : ALWAYS_READY, queues: [] };
}
