/** What libbpf made of the selftests that never came to the kernel: recorded/refused-6.12.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Refusal {
  /** Object file without ".bpf.o". */
  object: string;
  /** Null where libbpf refused the object as it opened it. */
  program: string | null;
  /** The first line that it wrote. */
  reason: string;
}

export interface Refusals {
  refused: Refusal[];
  /** Objects that it opened and found no programs in. */
  empty: string[];
}

/** @param folder test/conformance/recorded. */
export function readRefusals(folder: string): Refusals {
  return JSON.parse(readFileSync(join(folder, 'refused-6.12.json'), 'utf8')) as Refusals;
}

/** Whether ours is the reason; it may have the place in front: file, section and offset. */
export function isSameReason(ours: string, reason: string): boolean {
  return ours === reason || ours.endsWith(`: ${reason}`);
}
