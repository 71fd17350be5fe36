/** Spills and fills around fastcall helpers. */
import { FuncState } from './state.ts';

/** An access to the stack below the spills of fastcall patterns ends their special treatment. */
export function breakFastcallContract(func: FuncState, insn: i32, off: i32): void {}

/** Finds spills and fills around calls that clobber less than usual. */
export function markFastcallPatterns(): void {}
