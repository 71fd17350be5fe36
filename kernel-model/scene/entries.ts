/** Submission entries of a scene as the kernel reads them. */
import type { SqeFields } from '../io-uring/sqe.ts';
import { CancelFlag, FILE_INDEX_ALLOC, MsgFlag, PollFlag, SubmitOp, TimeoutFlag } from '../io-uring/uapi.ts';
import { EPOLL_EVENTS, flagBits, OPEN_FLAGS, SQE_FLAGS } from './flags.ts';
import type { EntrySpec, Quantity, TimeoutSpec, TransferSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** An entry, and bytes of the task's memory that it points at. */
export interface Entry {
  readonly fields: SqeFields;
  /** To be put somewhere; the address belongs into `address`. */
  readonly data?: Uint8Array;
}

const CURRENT_POSITION = (1n << 64n) - 1n;
const AT_FDCWD = -100;
const NSEC_PER_MSEC = 1_000_000n;
const NSEC_PER_SEC = 1_000_000_000n;

type Operation = Exclude<
  keyof EntrySpec,
  'data' | 'flags' | 'personality' | 'group' | 'repeat' | 'bad_index'
>;

/** The entry of a spec that is not a bad index. */
export function entryOf(spec: EntrySpec, path: ScenePath, scope: Scope): Entry {
  const entry = operationEntry(spec, path, scope);
  const fields: SqeFields = {
    ...entry.fields,
    flags: flagBits(spec.flags ?? [], SQE_FLAGS),
    userData: spec.data === undefined ? 0n : scope.uint64(spec.data, [...path, 'data']),
  };
  if (spec.personality !== undefined) {
    fields.personality = short(scope, spec.personality, [...path, 'personality']);
  }
  if (spec.group !== undefined) fields.buffer = short(scope, spec.group, [...path, 'group']);
  return entry.data ? { fields, data: entry.data } : { fields };
}

function operationEntry(spec: EntrySpec, path: ScenePath, scope: Scope): Entry {
  for (const name of Object.keys(MAKERS) as Operation[]) {
    if (spec[name] !== undefined) return MAKERS[name](spec, [...path, name], scope);
  }
  throw new Error('an entry without an operation');
}

type Maker = (spec: EntrySpec, path: ScenePath, scope: Scope) => Entry;

const MAKERS: { readonly [name in Operation]: Maker } = {
  nop: () => ({ fields: { opcode: SubmitOp.Nop } }),
  read: ({ read }, path, scope) => transfer(read, SubmitOp.Read, SubmitOp.ReadFixed, path, scope),
  write: ({ write }, path, scope) => transfer(write, SubmitOp.Write, SubmitOp.WriteFixed, path, scope),
  poll: ({ poll }, path, scope) => ({
    fields: {
      opcode: SubmitOp.PollAdd,
      fd: scope.int(poll?.fd ?? -1, [...path, 'fd']),
      opFlags: flagBits(poll?.events ?? ['IN'], EPOLL_EVENTS),
      length: poll?.multishot ? PollFlag.Multishot : 0,
    },
  }),
  poll_remove: ({ poll_remove: data }, path, scope) => ({
    fields: { opcode: SubmitOp.PollRemove, address: scope.uint64(data ?? 0, path) },
  }),
  timeout: ({ timeout }, path, scope) => timer(timeout, SubmitOp.Timeout, path, scope),
  link_timeout: ({ link_timeout }, path, scope) => timer(link_timeout, SubmitOp.LinkTimeout, path, scope),
  timeout_remove: ({ timeout_remove: data }, path, scope) => ({
    fields: { opcode: SubmitOp.TimeoutRemove, address: scope.uint64(data ?? 0, path) },
  }),
  cancel: ({ cancel = {} }, path, scope) => ({
    fields: {
      opcode: SubmitOp.AsyncCancel,
      address: scope.uint64(cancel.data ?? 0, [...path, 'data']),
      fd: scope.int(cancel.fd ?? 0, [...path, 'fd']),
      opFlags:
        (cancel.fd === undefined ? 0 : CancelFlag.Fd) |
        (cancel.all ? CancelFlag.All : 0) |
        (cancel.any ? CancelFlag.Any : 0),
    },
  }),
  message: ({ message }, path, scope) => ({
    fields: {
      opcode: SubmitOp.MsgRing,
      fd: scope.int(message?.ring ?? -1, [...path, 'ring']),
      length: scope.int(message?.result ?? 0, [...path, 'result']) >>> 0,
      offset: scope.uint64(message?.data ?? 0, [...path, 'data']),
      ...(message?.flags === undefined
        ? {}
        : { opFlags: MsgFlag.FlagsPass, fileIndex: scope.uint32(message.flags, [...path, 'flags']) }),
    },
  }),
  send_file: ({ send_file: file }, path, scope) => ({
    fields: {
      opcode: SubmitOp.MsgRing,
      address: 1n,
      fd: scope.int(file?.ring ?? -1, [...path, 'ring']),
      address3: BigInt(scope.uint32(file?.from ?? 0, [...path, 'from'])),
      fileIndex: slotIndex(file?.to ?? 0, [...path, 'to'], scope),
    },
  }),
  provide_buffers: ({ provide_buffers: given }, path, scope) => ({
    fields: {
      opcode: SubmitOp.ProvideBuffers,
      buffer: short(scope, given?.group ?? 0, [...path, 'group']),
      address: scope.uint64(given?.address ?? 0, [...path, 'address']),
      length: scope.uint32(given?.length ?? 0, [...path, 'length']),
      fd: spend(scope, scope.int(given?.count ?? 1, [...path, 'count']), path),
      offset: scope.uint64(given?.id ?? 0, [...path, 'id']),
    },
  }),
  remove_buffers: ({ remove_buffers: removed }, path, scope) => ({
    fields: {
      opcode: SubmitOp.RemoveBuffers,
      buffer: short(scope, removed?.group ?? 0, [...path, 'group']),
      fd: scope.int(removed?.count ?? 0, [...path, 'count']),
    },
  }),
  open: ({ open }, path, scope) => ({
    fields: {
      opcode: SubmitOp.OpenAt,
      fd: AT_FDCWD,
      opFlags: flagBits(open?.flags ?? [], OPEN_FLAGS),
      ...(open?.slot === undefined ? {} : { fileIndex: slotIndex(open.slot, [...path, 'slot'], scope) }),
    },
    data: new TextEncoder().encode(`${scope.text(open?.path ?? '', [...path, 'path'])}\0`),
  }),
  close: ({ close = {} }, path, scope) => ({
    fields: {
      opcode: SubmitOp.Close,
      ...(close.slot === undefined
        ? { fd: scope.int(close.fd ?? -1, [...path, 'fd']) }
        : { fileIndex: slotIndex(close.slot, [...path, 'slot'], scope) }),
    },
  }),
};

function transfer(
  spec: TransferSpec | undefined,
  plain: SubmitOp,
  fixed: SubmitOp,
  path: ScenePath,
  scope: Scope,
): Entry {
  const { fd = -1, address = 0, length = 0, offset, buffer } = spec ?? {};
  const fields: SqeFields = {
    opcode: buffer === undefined ? plain : fixed,
    fd: scope.int(fd, [...path, 'fd']),
    address: scope.uint64(address, [...path, 'address']),
    length: scope.uint32(length, [...path, 'length']),
    offset: offset === undefined ? CURRENT_POSITION : scope.uint64(offset, [...path, 'offset']),
  };
  scope.spend(Math.ceil((fields.length ?? 0) / 4096), path);
  if (buffer !== undefined) fields.buffer = short(scope, buffer, [...path, 'buffer']);
  return { fields };
}

function timer(spec: TimeoutSpec | undefined, opcode: SubmitOp, path: ScenePath, scope: Scope): Entry {
  const milliseconds = scope.uint64(spec?.milliseconds ?? 0, [...path, 'milliseconds']);
  const nanoseconds = milliseconds * NSEC_PER_MSEC;
  const data = new Uint8Array(16);
  const view = new DataView(data.buffer);
  view.setBigInt64(0, nanoseconds / NSEC_PER_SEC, true);
  view.setBigInt64(8, nanoseconds % NSEC_PER_SEC, true);
  const completions = scope.uint32(spec?.completions ?? 0, [...path, 'completions']);
  const flags = (spec?.absolute ? TimeoutFlag.Absolute : 0) | (spec?.multishot ? TimeoutFlag.Multishot : 0);
  return { fields: { opcode, length: 1, opFlags: flags, offset: BigInt(completions) }, data };
}

/** Slots are counted from 1; "any" has the kernel choose. */
function slotIndex(slot: Quantity, path: ScenePath, scope: Scope): number {
  return slot === 'any' ? FILE_INDEX_ALLOC : scope.uint32(slot, path) + 1;
}

function short(scope: Scope, value: Quantity, path: ScenePath): number {
  return Number(scope.big(value, path, { min: 0n, max: 0xffffn }));
}

/** Records that one entry makes count as pages do. */
function spend(scope: Scope, count: number, path: ScenePath): number {
  scope.spend(Math.max(0, count), path);
  return count;
}
