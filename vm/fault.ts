/** What a run did that the modelled kernel does not survive. */
import { FaultKind, State } from '../bpf/abi.ts';

export type FaultName =
  | 'read'
  | 'write'
  | 'call-depth'
  | 'unknown-helper'
  | 'bad-call-target'
  | 'poisoned'
  | 'out-of-memory'
  | 'end-of-program'
  | 'bad-argument'
  | 'deadlock';

export interface Fault {
  kind: FaultName;
  /** Instruction, in 8-byte slots of the program that was running (a tail-called one counts for itself). */
  pc: number;
  /** Address of the access; helper number or call target for the kinds that are not one. */
  address: bigint;
  /** Bytes of the access, 0 when the fault is not one. */
  size: number;
  /** One sentence for people. */
  message: string;
}

/** Reads the fault record of a run that faulted. */
export function readFault(view: DataView): Fault {
  const kind: FaultKind = view.getUint32(State.FaultKind, true);
  const pc = view.getUint32(State.FaultPc, true);
  const address = view.getBigUint64(State.FaultAddress, true);
  const size = view.getUint32(State.FaultSize, true);
  const { name, text } = describe(kind, `0x${address.toString(16)}`, size, address);
  return { kind: name, pc, address, size, message: `insn ${pc}: ${text}` };
}

function describe(
  kind: FaultKind,
  hex: string,
  size: number,
  value: bigint,
): { name: FaultName; text: string } {
  switch (kind) {
    case FaultKind.Read:
      return { name: 'read', text: `read of ${size} bytes at ${hex}, which is not mapped` };
    case FaultKind.Write:
      return { name: 'write', text: `write of ${size} bytes at ${hex}, which is not mapped` };
    case FaultKind.CallDepth:
      return { name: 'call-depth', text: `call depth of ${value + 1n} frames exceeds 8` };
    case FaultKind.UnknownHelper:
      return { name: 'unknown-helper', text: `call of helper ${value}, which is not modelled` };
    case FaultKind.BadCallTarget:
      return { name: 'bad-call-target', text: `call of ${hex}, which is not a function of the program` };
    case FaultKind.Poisoned:
      return { name: 'poisoned', text: 'an instruction whose relocation did not resolve was reached' };
    case FaultKind.OutOfMemory:
      return { name: 'out-of-memory', text: "the model's memory is exhausted" };
    case FaultKind.EndOfProgram:
      return { name: 'end-of-program', text: 'execution ran past the last instruction' };
    case FaultKind.BadArgument:
      return { name: 'bad-argument', text: `a helper was passed ${hex}, which is not what it takes` };
    case FaultKind.Deadlock:
      return { name: 'deadlock', text: `lock at ${hex}: taken while held, or released while free` };
    default:
      throw new Error(`fault of unknown kind ${kind}`);
  }
}
