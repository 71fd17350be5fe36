/** The operations of submission entries. */
import { InputError } from '../../bpf/input-error.ts';
import { provideBuffers, removeBuffers } from './op-buffers.ts';
import { asyncCancel } from './op-cancel.ts';
import { close, filesUpdate, fixedFdInstall, openAt } from './op-files.ts';
import { msgRing } from './op-msg-ring.ts';
import { nop } from './op-nop.ts';
import { pollAdd, pollRemove } from './op-poll.ts';
import { read, readFixed, write, writeFixed } from './op-rw.ts';
import { linkTimeout, timeout, timeoutRemove } from './op-timeout.ts';
import type { Operation } from './outcome.ts';
import { SubmitOp } from './uapi.ts';

/** As functions: operations and the table refer to each other, in whatever order modules are loaded. */
const OPERATIONS: ReadonlyMap<number, () => Operation> = new Map<number, () => Operation>([
  [SubmitOp.Nop, () => nop],
  [SubmitOp.ReadFixed, () => readFixed],
  [SubmitOp.WriteFixed, () => writeFixed],
  [SubmitOp.PollAdd, () => pollAdd],
  [SubmitOp.PollRemove, () => pollRemove],
  [SubmitOp.Timeout, () => timeout],
  [SubmitOp.TimeoutRemove, () => timeoutRemove],
  [SubmitOp.AsyncCancel, () => asyncCancel],
  [SubmitOp.LinkTimeout, () => linkTimeout],
  [SubmitOp.OpenAt, () => openAt],
  [SubmitOp.Close, () => close],
  [SubmitOp.FilesUpdate, () => filesUpdate],
  [SubmitOp.Read, () => read],
  [SubmitOp.Write, () => write],
  [SubmitOp.ProvideBuffers, () => provideBuffers],
  [SubmitOp.RemoveBuffers, () => removeBuffers],
  [SubmitOp.MsgRing, () => msgRing],
  [SubmitOp.FixedFdInstall, () => fixedFdInstall],
]);

/** @throws {InputError} for an operation that the kernel has and the model has not. */
export function operationOf(opcode: number): Operation {
  const operation = OPERATIONS.get(opcode);
  if (!operation) throw new InputError(`the submission operation ${opcode} is not modelled`);
  return operation();
}
