/** What an object needs of a kernel. */

import type { CoreRelo } from '../loader/btf-ext.ts';
import type { Extern } from '../loader/externs.ts';
import type { BpfFunction } from '../loader/functions.ts';
import type { StructOps } from '../loader/struct-ops.ts';
import type { SourceLine } from '../verifier/diagnosis/source.ts';
import type { Release } from './release.ts';

/** Stable names; the order is that of reports. */
export const NEED_KINDS = [
  'program-type',
  'attach-type',
  'program-flag',
  'attach-target',
  'struct-ops',
  'map-type',
  'map-flag',
  'helper',
  'kfunc',
  'ksym',
  'kconfig',
  'type',
  'field',
  'enum-value',
  'instruction',
] as const;

export type NeedKind = (typeof NEED_KINDS)[number];

/** What a kernel is asked about. */
export type Subject =
  | { readonly kind: 'program-type' | 'attach-type' | 'map-type' | 'helper'; readonly number: number }
  | { readonly kind: 'program-flag' | 'instruction' }
  | { readonly kind: 'map-flag'; readonly bit: number }
  | { readonly kind: 'attach-target' }
  | { readonly kind: 'struct-ops'; readonly ops: StructOps }
  | { readonly kind: 'kfunc' | 'ksym' | 'kconfig'; readonly extern: Extern }
  | { readonly kind: 'type' | 'field' | 'enum-value'; readonly asked: AskedRelo[] };

/** A CO-RE relocation, and the instruction that it is for. */
export interface AskedRelo {
  readonly func: BpfFunction;
  readonly insn: number;
  readonly relo: CoreRelo;
  readonly isCertain: boolean;
}

/** Where an object needs something. */
export interface Use {
  /** Absent for what the object as a whole needs: maps, externs that are not weak. */
  readonly program?: ProgramUse;
  /** Name of the map that needs it. */
  readonly map?: string;
  /** Slot in the program as it is loaded. */
  readonly insn?: number;
  readonly source?: SourceLine;
  readonly when: When;
}

/**
 * 'certain': the program, or the object, does not load without it, whatever else the kernel has. 'guarded': it stands
 * behind a question that the program asks, where the answer may lead past it. 'optional': a program or a map that is
 * only loaded when somebody asks for it, or what the loader goes without. 'attaching': it loads without it, but does not
 * attach.
 */
export type When = 'certain' | 'guarded' | 'optional' | 'attaching';

/** A program as far as it matters to what it may use. */
export interface ProgramUse {
  readonly name: string;
  readonly func: BpfFunction;
  /** BPF_PROG_TYPE_* */
  readonly type: number;
}

export interface Need {
  readonly subject: Subject;
  /** With its kind unique in the object. */
  readonly name: string;
  /** The program asks whether the kernel has it, and goes by the answer. */
  readonly isQuestion: boolean;
  /** First mainline release that has it; undefined where no table tells. */
  readonly since: Release | undefined;
  readonly uses: readonly Use[];
}

export function isCertain({ uses }: Pick<Need, 'uses'>): boolean {
  return uses.some(({ when }) => when === 'certain');
}
