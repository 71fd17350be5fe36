/** Faults: a run that did what the modelled kernel does not survive stops, with a record of what it did. */
import { Attention, FaultKind, State } from '../../bpf/abi.ts';

/**
 * Stops the run once the current helper has returned. The first fault of a run counts; the interpreter adds
 * which instruction it was.
 */
export function raiseFault(kind: u32, address: u64): void {
  raiseAccessFault(kind, address, 0);
}

/** As `raiseFault`, for an access of `size` bytes. */
export function raiseAccessFault(kind: u32, address: u64, size: u32): void {
  if (load<u32>(State.FaultKind) !== FaultKind.None) return;
  store<u32>(State.FaultKind, kind);
  store<u64>(State.FaultAddress, address);
  store<u32>(State.FaultSize, size);
  store<u32>(State.FaultWrite, <u32>(kind === FaultKind.Write));
  store<u32>(State.Attention, load<u32>(State.Attention) | Attention.Fault);
}
