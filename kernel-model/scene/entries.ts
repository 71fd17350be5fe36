/** Submission entries of a scene as the kernel reads them. */
import type { SqeFields } from '../io-uring/sqe.ts';
import {
  CancelFlag,
  FILE_EMPTY,
  FILE_INDEX_ALLOC,
  FILE_SKIP,
  MsgFlag,
  PollFlag,
  SqeFlag,
  SubmitOp,
  TimeoutFlag,
} from '../io-uring/uapi.ts';
import { EPOLL_EVENTS, flagBits, OPEN_FLAGS, SQE_FLAGS } from './flags.ts';
import type { EntrySpec, Quantity, TimeoutSpec, TransferSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** An entry, and bytes of the task's memory that it points at. */
export interface Entry {
  readonly fields: SqeFields;
  /** To be put somewhere. */
  readonly data?: Uint8Array;
  /** Field for the address of the data; `address` by default. */
  readonly dataField?: 'address' | 'offset';
}

const CURRENT_POSITION = (1n << 64n) - 1n;
const AT_FDCWD = -100;
const NSEC_PER_MSEC = 1_000_000n;
const NSEC_PER_SEC = 1_000_000_000n;
/** IORING_FIXED_FD_NO_CLOEXEC */
const NO_CLOEXEC = 1;

type Operation = Exclude<
  keyof EntrySpec,
  'data' | 'flags' | 'personality' | 'group' | 'repeat' | 'bad_index'
>;

/** The entry of a spec that is not a bad index. */
export function entryOf(spec: EntrySpec, path: ScenePath, scope: Scope): Entry {
  const entry = operationEntry(spec, path, scope);
  const fields: SqeFields = {
    ...entry.fields,
    flags: (entry.fields.flags ?? 0) | flagBits(spec.flags ?? [], SQE_FLAGS),
    userData: spec.data === undefined ? 0n : scope.uint64(spec.data, [...path, 'data']),
  };
  if (spec.personality !== undefined) {
    fields.personality = short(scope, spec.personality, [...path, 'personality']);
  }
  if (spec.group !== undefined) fields.buffer = short(scope, spec.group, [...path, 'group']);
  return { ...entry, fields };
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
  poll_update: ({ poll_update: update }, path, scope) => pollUpdate(update, path, scope),
  timeout: ({ timeout }, path, scope) => timer(timeout, SubmitOp.Timeout, path, scope),
  link_timeout: ({ link_timeout }, path, scope) => timer(link_timeout, SubmitOp.LinkTimeout, path, scope),
  timeout_remove: ({ timeout_remove: data }, path, scope) => ({
    fields: { opcode: SubmitOp.TimeoutRemove, address: scope.uint64(data ?? 0, path) },
  }),
  timeout_update: ({ timeout_update: update }, path, scope) => ({
    fields: {
      opcode: SubmitOp.TimeoutRemove,
      address: scope.uint64(update?.of ?? 0, [...path, 'of']),
      opFlags: TimeoutFlag.Update | (update?.absolute ? TimeoutFlag.Absolute : 0),
    },
    data: timespec(scope.uint64(update?.milliseconds ?? 0, [...path, 'milliseconds'])),
    dataField: 'offset',
  }),
  cancel: ({ cancel = {} }, path, scope) => ({
    fields: {
      opcode: SubmitOp.AsyncCancel,
      address: scope.uint64(cancel.data ?? 0, [...path, 'data']),
      fd: scope.int(cancel.slot ?? cancel.fd ?? 0, [...path, cancel.slot === undefined ? 'fd' : 'slot']),
      opFlags: cancelFlags(cancel),
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
  update_files: ({ update_files: update }, path, scope) => ({
    fields: {
      opcode: SubmitOp.FilesUpdate,
      length: update?.files.length ?? 0,
      offset: BigInt(firstSlot(update?.offset ?? 0, [...path, 'offset'], scope)),
    },
    data: descriptors(update?.files ?? [], [...path, 'files'], scope),
  }),
  install: ({ install }, path, scope) => ({
    fields: {
      opcode: SubmitOp.FixedFdInstall,
      fd: scope.int(install?.slot ?? 0, [...path, 'slot']),
      flags: SqeFlag.FixedFile,
      opFlags: install?.inherit ? NO_CLOEXEC : 0,
    },
  }),
};

function pollUpdate(spec: EntrySpec['poll_update'], path: ScenePath, scope: Scope): Entry {
  const { of = 0, events, data, multishot } = spec ?? {};
  const fields: SqeFields = {
    opcode: SubmitOp.PollRemove,
    address: scope.uint64(of, [...path, 'of']),
    length:
      (events ? PollFlag.UpdateEvents : 0) |
      (data === undefined ? 0 : PollFlag.UpdateUserData) |
      (multishot ? PollFlag.Multishot : 0),
  };
  if (events) fields.opFlags = flagBits(events, EPOLL_EVENTS);
  if (data !== undefined) fields.offset = scope.uint64(data, [...path, 'data']);
  return { fields };
}

/** IORING_ASYNC_CANCEL_* of what is to be called off. */
export function cancelFlags({ fd, slot, all, any }: NonNullable<EntrySpec['cancel']>): number {
  return (
    (fd === undefined && slot === undefined ? 0 : CancelFlag.Fd) |
    (slot === undefined ? 0 : CancelFlag.FdFixed) |
    (all ? CancelFlag.All : 0) |
    (any ? CancelFlag.Any : 0)
  );
}

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
  const data = timespec(scope.uint64(spec?.milliseconds ?? 0, [...path, 'milliseconds']));
  const completions = scope.uint32(spec?.completions ?? 0, [...path, 'completions']);
  const flags = (spec?.absolute ? TimeoutFlag.Absolute : 0) | (spec?.multishot ? TimeoutFlag.Multishot : 0);
  return { fields: { opcode, length: 1, opFlags: flags, offset: BigInt(completions) }, data };
}

/** `struct __kernel_timespec` */
function timespec(milliseconds: bigint): Uint8Array {
  const nanoseconds = milliseconds * NSEC_PER_MSEC;
  const data = new Uint8Array(16);
  const view = new DataView(data.buffer);
  view.setBigInt64(0, nanoseconds / NSEC_PER_SEC, true);
  view.setBigInt64(8, nanoseconds % NSEC_PER_SEC, true);
  return data;
}

/** A descriptor of a file table: "none" empties the slot, "skip" leaves it. */
export function descriptor(value: Quantity, path: ScenePath, scope: Scope): number {
  if (value === 'none') return FILE_EMPTY;
  return value === 'skip' ? FILE_SKIP : scope.int(value, path);
}

function descriptors(values: readonly Quantity[], path: ScenePath, scope: Scope): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  for (const [i, value] of values.entries())
    view.setInt32(4 * i, descriptor(value, [...path, i], scope), true);
  return bytes;
}

function firstSlot(slot: Quantity, path: ScenePath, scope: Scope): number {
  return slot === 'any' ? FILE_INDEX_ALLOC : scope.uint32(slot, path);
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
