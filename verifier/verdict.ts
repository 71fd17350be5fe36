/** What a verification came to. */
import type { InsnFacts } from '../bpf/insn-facts.ts';
import type { EventLog } from './event-reader.ts';

export interface VerifierStats {
  insnsProcessed: number;
  maxStatesPerInsn: number;
  totalStates: number;
  peakStates: number;
  markRead: number;
  /** Bytes of stack of each subprogram. */
  stackDepths: number[];
}

/** What was found out about a subprogram; programs that attach to it depend on this. */
export interface VerifiedSubprog {
  /** Its BTF does not tell what its callers hand it. */
  unreliable: boolean;
  exceptionCallback: boolean;
  changesPacket: boolean;
  /** Nothing reaches it: Linux takes it out of the program. */
  dead: boolean;
}

export interface Verdict {
  accepted: boolean;
  /** Positive errno, 0 when accepted. */
  errno: number;
  /** Last line of the reason, "" when accepted. */
  message: string;
  /** Instruction it was reached at. */
  insn: number;
  stats: VerifierStats;
  /** The subprograms found, by place; the first is the program's entry. */
  subprogs: VerifiedSubprog[];
  /** As the kernel's log at the requested level. */
  log: string;
  /** Bytes of log that were written (positions in events count them): of more than 16 MiB, `log` is the end. */
  logLength: number;
  /** Steps of the request's path that could be followed. */
  pathSteps: number;
  /** What the verification did, when the request asked for it: see `readEvents`. */
  events?: EventLog;
  /** What running the accepted program needs to know, when the request asked for it. */
  facts?: InsnFacts;
}
