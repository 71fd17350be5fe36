/** What a verification came to. */
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

export interface Verdict {
  accepted: boolean;
  /** Positive errno, 0 when accepted. */
  errno: number;
  /** Last line of the reason, "" when accepted. */
  message: string;
  /** Instruction it was reached at. */
  insn: number;
  stats: VerifierStats;
  /** As the kernel's log at the requested level. */
  log: string;
  /** What the verification did, when the request asked for it: see `readEvents`. */
  events?: EventLog;
}
