/** What the checkpoint view asks its worker. */
import type { Difference } from '../../checkpoint/compare/differences.ts';
import type { Refusal } from '../../checkpoint/dump/refusal.ts';
import type { Call } from '../../checkpoint/restore/calls.ts';

export type { Difference } from '../../checkpoint/compare/differences.ts';
export type { Refusal } from '../../checkpoint/dump/refusal.ts';
export type { Call } from '../../checkpoint/restore/calls.ts';

export interface CheckpointService {
  /** @throws with the place, for a scene that cannot be built. */
  check(scene: SceneChoice): Promise<void>;
  /** Dump, images and restore; says which of them it is at. */
  roundTrip(request: TripRequest): Promise<Trip>;
  /** An image as JSON, as `drydock images` prints it; pages as bytes. */
  show(images: ReadonlyMap<string, Uint8Array>, name: string, pretty: boolean): Promise<readonly string[]>;
}

export interface SceneChoice {
  readonly text: string;
  readonly file: string;
  readonly kernel: string;
}

export interface TripRequest extends SceneChoice {
  /** Items of the inventory that may be lost. */
  readonly drop: readonly number[];
}

export const STAGES = ['build', 'dump', 'images', 'restore'] as const;
export type Stage = (typeof STAGES)[number];

export interface TripProgress {
  readonly stage: Stage;
}

export interface Trip {
  readonly kernel: string;
  readonly dumped: Dumped;
  /** What forbids the checkpoint; there are no images then. */
  readonly refusals: readonly Refusal[];
  readonly dropped: readonly Refusal[];
  readonly images: readonly ImageFile[] | undefined;
  readonly restored: Restored | undefined;
  /** Why there are no images, or why they cannot be restored, though nothing is refused. */
  readonly failure: string | undefined;
  readonly items: readonly ItemRow[];
  /** Milliseconds. */
  readonly times: { readonly [stage in Stage]?: number };
}

export interface Dumped {
  /** "2 tasks, 3 rings, 12 files, 5 mappings" */
  readonly summary: string;
  readonly tasks: readonly DumpedTask[];
  readonly rings: readonly DumpedRing[];
  readonly files: readonly DumpedFile[];
  readonly mappings: readonly DumpedMapping[];
}

export interface DumpedTask {
  readonly tid: number;
  readonly tgid: number;
  readonly parent: number;
  readonly comm: string;
  readonly uid: number;
  readonly descriptors: number;
}

export interface DumpedRing {
  readonly file: number;
  readonly sqEntries: number;
  readonly cqEntries: number;
  /** "SQPOLL" */
  readonly flags: readonly string[];
  /** "5 registered files", "1 request in progress" */
  readonly holds: readonly string[];
}

export interface DumpedFile {
  readonly id: number;
  readonly kind: string;
  readonly path: string;
  /** "task 100: 3, 4" */
  readonly descriptors: readonly string[];
}

export interface DumpedMapping {
  /** Place of the address space among all. */
  readonly mm: number;
  /** "7ffd1000-7ffd2000" */
  readonly range: string;
  /** "rw-p" */
  readonly access: string;
  readonly backing: string;
  /** Private pages with content. */
  readonly pages: number;
}

export interface ImageFile {
  readonly name: string;
  /** "FILES, 4 entries" */
  readonly what: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export interface Restored {
  readonly calls: readonly Call[];
  readonly equal: boolean;
  /** Outside of the rings. */
  readonly world: readonly Difference[];
}

export type ItemStatus = 'equal' | 'caveat' | 'different' | 'refused' | 'dropped' | 'unused' | 'outside';

/** An item of the inventory, and what has become of it. */
export interface ItemRow {
  readonly id: number;
  readonly group: string;
  readonly state: string;
  readonly since: string;
  /** R, r, D or N */
  readonly class: string;
  readonly shownBy: string | undefined;
  readonly restoredBy: string | undefined;
  readonly status: ItemStatus;
  readonly text: string;
  readonly differences: readonly Difference[];
}
