/** What a run did that the modelled kernel does not survive. */
import { FaultKind, State } from '../bpf/abi.ts';
import { helperName } from '../bpf/helpers.ts';

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

/** Reads the fault record of a run that faulted. `nameOf` names helpers by their number. */
export function readFault(view: DataView, nameOf: (id: number) => string = defaultName): Fault {
  const kind: FaultKind = view.getUint32(State.FaultKind, true);
  const pc = view.getUint32(State.FaultPc, true);
  const address = view.getBigUint64(State.FaultAddress, true);
  const size = view.getUint32(State.FaultSize, true);
  const { name, text } = describe(kind, address, size, nameOf);
  return { kind: name, pc, address, size, message: `insn ${pc}: ${text}` };
}

/** Name of a helper for messages. */
export function defaultName(id: number): string {
  return helperName(id) ?? `helper ${id}`;
}

function describe(
  kind: FaultKind,
  value: bigint,
  size: number,
  nameOf: (id: number) => string,
): { name: FaultName; text: string } {
  const hex = `0x${value.toString(16)}`;
  switch (kind) {
    case FaultKind.Read:
      return { name: 'read', text: `read of ${size} bytes at ${hex}, which is not mapped` };
    case FaultKind.Write:
      return { name: 'write', text: `write of ${size} bytes at ${hex}, which is not mapped` };
    case FaultKind.CallDepth:
      return { name: 'call-depth', text: `call depth of ${value + 1n} frames exceeds 8` };
    case FaultKind.UnknownHelper:
      return { name: 'unknown-helper', text: `call of ${nameOf(Number(value))}, which is not modelled` };
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
