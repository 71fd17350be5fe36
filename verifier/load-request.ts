/** What BPF_PROG_LOAD gets: everything a verdict depends on besides the kernel profile. */
import type { MissingReference } from '../loader/missing.ts';
import type { FuncInfo, LineInfo } from '../loader/program.ts';

/** A map the program refers to, as far as the verifier looks at it. */
export interface MapInfo {
  /** As the kernel knows it: at most 15 bytes. */
  name: string;
  /** BPF_MAP_TYPE_* */
  type: number;
  keySize: number;
  valueSize: number;
  maxEntries: number;
  flags: number;
  extra: bigint;
  /** Index of the inner map's template in `LoadRequest.maps`. */
  inner?: number;
  /** BTF blob that the type ids below are of. */
  btf?: Uint8Array;
  keyTypeId: number;
  valueTypeId: number;
  /** Content of a one-element array. */
  data?: Uint8Array;
  frozen: boolean;
}

/** A function of a target program. */
export interface TargetFunction {
  /** FUNC in the target's BTF. */
  typeId: number;
  /** Its BTF does not tell what its callers hand it. */
  unreliable: boolean;
  exceptionCallback: boolean;
  changesPacket: boolean;
}

/** A loaded program that another one replaces a function of, or traces (target-program.ts makes them). */
export interface TargetProgram {
  /** BPF_PROG_TYPE_* and BPF_* attach type it was loaded with. */
  progType: number;
  expectedAttachType: number;
  /** Type whose context it has: for BPF_PROG_TYPE_EXT that of its own target. */
  contextType: number;
  btf?: Uint8Array;
  /** In the order of its func_info, without those that Linux took out as dead code. */
  functions: readonly TargetFunction[];
  jited: boolean;
  /** It is a tracing program that traces a tracing program. */
  nested: boolean;
}

/** The path of a run. */
export interface RunPath {
  /** Instructions (slots) in the order in which they were executed. */
  insns: readonly number[];
  /** r0..r10 before each of them: 88 bytes, little-endian. */
  registers: Uint8Array;
}

export interface LoadRequest {
  /** 8-byte slots, little-endian. ld_imm64 of a map (src 1, 2) has the index into `maps`. */
  insns: Uint8Array;
  /** BPF_PROG_TYPE_* and BPF_* attach type. */
  progType: number;
  expectedAttachType: number;
  /** BPF_F_* */
  progFlags: number;
  license: string;
  /** `Cap` bits of the loading task. */
  caps: number;
  /** `LogLevel` bits; messages come from 4 (statistics) on, the path from 1. */
  logLevel: number;
  progBtf?: Uint8Array;
  funcInfo: readonly FuncInfo[];
  lineInfo: readonly LineInfo[];
  /** What the loader has left calls of no function for; the verdict does not depend on it. */
  missing?: readonly MissingReference[];
  maps: readonly MapInfo[];
  /** Type id the program attaches to, in the kernel's BTF, in a module's or in that of `target`. */
  attachBtfId: number;
  attachBtf?: string;
  /** The program it attaches to (attach_prog_fd). */
  target?: TargetProgram;
  /** Modules whose BTF kfunc calls refer to (fd_array slot by slot; slot 0 is vmlinux). */
  kfuncBtfs?: readonly (string | null)[];
  /** Modules whose BTF ld_imm64 BTF ids refer to (second slot's imm - 1). */
  immBtfs?: readonly string[];
  /** Events wanted beside the log: of the path that failed, or of all paths. */
  events?: 'path' | 'all';
  /** Verify only this path. Nothing is pruned, and global functions are followed into. */
  path?: RunPath;
  /** Wanted for an accepted program: what running it needs to know (`Verdict.facts`). */
  facts?: boolean;
  /** Stop after this many processed instructions; the kernel's limit when absent. */
  insnLimit?: number;
}
