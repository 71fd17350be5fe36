/** The rarer calls of io_uring_register in a scene, each as its argument record. */
import { RegisterOp, Restriction, UserSize } from '../io-uring/uapi.ts';
import type { Task } from '../task.ts';
import type { UserPointer } from '../user-pointer.ts';
import { cancelFlags } from './entries.ts';
import { flagBits, REGISTER_OPS, SQE_FLAGS, SUBMIT_OPS } from './flags.ts';
import type { BufferRingSpec, Quantity, RegisterSpec, RingBufferSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

export interface RegisterArgument {
  readonly op: RegisterOp;
  readonly argument: UserPointer;
  readonly count: number;
  /** Looks at what a call that succeeded has written. @throws {SceneError} */
  readonly check?: () => void;
}

const ANY_INDEX = 0xffff_ffff;
const CLOCKS = { MONOTONIC: 1, BOOTTIME: 7 } as const;
/** IOU_PBUF_RING_* */
const MMAP = 1;
const INCREMENTAL = 2;
const BUF_SIZE = 16;
const TAIL_AT = 14;
const MAX_CPU = 8191n;
const SYNC_CANCEL_SIZE = 64;

type Maker = (spec: RegisterSpec, path: ScenePath, scope: Scope) => RegisterArgument;

/** Operations whose argument stands alone, by their name in a scene. */
export const SINGLE_CALLS = {
  personality: () => ({ op: RegisterOp.Personality, argument: 0n, count: 0 }),
  unregister_personality: ({ unregister_personality: id = 0 }, path, scope) => ({
    op: RegisterOp.UnregisterPersonality,
    argument: 0n,
    count: scope.uint32(id, path),
  }),
  restrictions: ({ restrictions = {} }) => restrictionsCall(restrictions),
  enable: () => ({ op: RegisterOp.EnableRings, argument: 0n, count: 0 }),
  alloc_range: ({ alloc_range: range }, path, scope) => {
    const bytes = new Uint8Array(UserSize.FileIndexRange);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, scope.uint32(range?.offset ?? 0, [...path, 'offset']), true);
    view.setUint32(4, scope.uint32(range?.length ?? 0, [...path, 'length']), true);
    return { op: RegisterOp.FileAllocRange, argument: bytes, count: 0 };
  },
  buffer_ring: ({ buffer_ring: ring }, path, scope) => bufferRing(ring, path, scope),
  unregister_buffer_ring: ({ unregister_buffer_ring: group = 0 }, path, scope) => {
    const bytes = new Uint8Array(UserSize.BufReg);
    new DataView(bytes.buffer).setUint16(12, Number(scope.big(group, path, { min: 0n, max: 0xffffn })), true);
    return { op: RegisterOp.UnregisterPbufRing, argument: bytes, count: 1 };
  },
  ring_fds: ({ ring_fds: rings = [] }, path, scope) => {
    const bytes = new Uint8Array(UserSize.RsrcUpdate * rings.length);
    const view = new DataView(bytes.buffer);
    for (const [i, { fd, index }] of rings.entries()) {
      const at = i * UserSize.RsrcUpdate;
      const wanted = index === undefined ? ANY_INDEX : scope.uint32(index, [...path, i, 'index']);
      view.setUint32(at, wanted, true);
      view.setBigUint64(at + 8, BigInt(scope.uint32(fd, [...path, i, 'fd'])), true);
    }
    return { op: RegisterOp.RingFds, argument: bytes, count: rings.length };
  },
  worker_limits: ({ worker_limits: limits = [0, 0] }, path, scope) => {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    for (const i of [0, 1] as const) view.setUint32(4 * i, scope.uint32(limits[i], [...path, i]), true);
    return { op: RegisterOp.IowqMaxWorkers, argument: bytes, count: 2 };
  },
  worker_cpus: ({ worker_cpus: cpus = [] }, path, scope) => {
    const bytes = new Uint8Array(Number(MAX_CPU + 1n) / 8);
    for (const [i, cpu] of cpus.entries()) {
      const number = Number(scope.big(cpu, [...path, i], { min: 0n, max: MAX_CPU }));
      bytes[number >>> 3] = (bytes[number >>> 3] ?? 0) | (1 << (number & 7));
    }
    return { op: RegisterOp.IowqAff, argument: bytes, count: bytes.length };
  },
  napi: ({ napi }, path, scope) => {
    const bytes = new Uint8Array(16);
    const time = scope.uint32(napi?.microseconds ?? 0, [...path, 'microseconds']);
    new DataView(bytes.buffer).setUint32(0, time, true);
    bytes[4] = napi?.prefer ? 1 : 0;
    return { op: RegisterOp.Napi, argument: bytes, count: 1 };
  },
  clock: ({ clock = 'MONOTONIC' }) => {
    const bytes = new Uint8Array(16);
    new DataView(bytes.buffer).setUint32(0, CLOCKS[clock], true);
    return { op: RegisterOp.Clock, argument: bytes, count: 0 };
  },
  clone_buffers: ({ clone_buffers: source = -1 }, path, scope) => {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setInt32(0, scope.int(source, path), true);
    return { op: RegisterOp.CloneBuffers, argument: bytes, count: 1 };
  },
  unregister_ring_fd: ({ unregister_ring_fd: index = 0 }, path, scope) => {
    const bytes = new Uint8Array(UserSize.RsrcUpdate);
    new DataView(bytes.buffer).setUint32(0, scope.uint32(index, path), true);
    return { op: RegisterOp.UnregisterRingFds, argument: bytes, count: 1 };
  },
  buffer_ring_head: ({ buffer_ring_head: status }, path, scope) => bufferRingHead(status, path, scope),
  sync_cancel: ({ sync_cancel: cancel = {} }, path, scope) => {
    const bytes = new Uint8Array(SYNC_CANCEL_SIZE);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, scope.uint64(cancel.data ?? 0, [...path, 'data']), true);
    view.setInt32(8, scope.int(cancel.fd ?? 0, [...path, 'fd']), true);
    view.setUint32(12, cancelFlags(cancel), true);
    // No limit of time.
    bytes.fill(0xff, 16, 32);
    return { op: RegisterOp.SyncCancel, argument: bytes, count: 1 };
  },
} satisfies { readonly [name: string]: Maker };

export type SingleCall = keyof typeof SINGLE_CALLS;

export function singleCall(
  name: SingleCall,
  spec: RegisterSpec,
  path: ScenePath,
  scope: Scope,
): RegisterArgument {
  const make: Maker = SINGLE_CALLS[name];
  return make(spec, path, scope);
}

/** What a ring of buffers in the task's memory holds when it is registered. */
export function fillBufferRing(task: Task, spec: BufferRingSpec, path: ScenePath, scope: Scope): void {
  if (spec.address === undefined || !spec.buffers) return;
  addBuffers(task, { ...spec, address: spec.address, buffers: spec.buffers }, path, scope);
}

/** Puts buffers behind those that a ring of buffers holds already, as user space does. */
export function addBuffers(
  task: Task,
  spec: { address: Quantity; entries: Quantity; buffers: readonly RingBufferSpec[] },
  path: ScenePath,
  scope: Scope,
): void {
  const start = scope.size(spec.address, [...path, 'address']);
  const entries = scope.uint32(spec.entries, [...path, 'entries']);
  const before = task.mm?.memory.read(start + TAIL_AT, 2);
  const first = before ? (before[0] ?? 0) | ((before[1] ?? 0) << 8) : 0;
  let added = 0;
  for (const [index, buffer] of spec.buffers.entries()) {
    const at = [...path, 'buffers', index];
    scope.repeat(buffer, at, (inner) => {
      if (added >= entries) throw scope.error(at, `the ring has only ${entries} entries`);
      const place = (first + added) % entries;
      const bytes = bufferEntry(buffer, place, at, inner);
      if (!task.mm?.memory.write(start + BUF_SIZE * place, bytes)) {
        throw scope.error([...path, 'address'], 'the task may not write there');
      }
      added++;
    });
  }
  const tail = first + added;
  task.mm?.memory.write(start + TAIL_AT, Uint8Array.from([tail & 0xff, (tail >> 8) & 0xff]));
}

/** `struct io_uring_buf`, up to the tail that the first of them has. */
function bufferEntry(buffer: RingBufferSpec, place: number, path: ScenePath, scope: Scope): Uint8Array {
  const bytes = new Uint8Array(TAIL_AT);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, scope.uint64(buffer.address, [...path, 'address']), true);
  view.setUint32(8, scope.uint32(buffer.length, [...path, 'length']), true);
  view.setUint16(12, buffer.id === undefined ? place : scope.uint32(buffer.id, [...path, 'id']), true);
  return bytes;
}

function bufferRingHead(
  status: RegisterSpec['buffer_ring_head'],
  path: ScenePath,
  scope: Scope,
): RegisterArgument {
  const bytes = new Uint8Array(UserSize.BufReg);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, scope.uint32(status?.group ?? 0, [...path, 'group']), true);
  const check = () => {
    const head = view.getUint32(4, true);
    if (status?.is === undefined || scope.uint32(status.is, [...path, 'is']) === head) return;
    throw scope.error([...path, 'is'], `the head is ${head}`);
  };
  return { op: RegisterOp.PbufStatus, argument: bytes, count: 1, check };
}

function bufferRing(spec: BufferRingSpec | undefined, path: ScenePath, scope: Scope): RegisterArgument {
  const bytes = new Uint8Array(UserSize.BufReg);
  const view = new DataView(bytes.buffer);
  const { group = 0, entries = 0, address, incremental, min_left: minLeft = 0 } = spec ?? {};
  if (address !== undefined) view.setBigUint64(0, scope.uint64(address, [...path, 'address']), true);
  view.setUint32(8, scope.uint32(entries, [...path, 'entries']), true);
  view.setUint16(12, Number(scope.big(group, [...path, 'group'], { min: 0n, max: 0xffffn })), true);
  view.setUint16(14, (address === undefined ? MMAP : 0) | (incremental ? INCREMENTAL : 0), true);
  view.setUint32(16, scope.uint32(minLeft, [...path, 'min_left']), true);
  return { op: RegisterOp.PbufRing, argument: bytes, count: 1 };
}

function restrictionsCall(spec: NonNullable<RegisterSpec['restrictions']>): RegisterArgument {
  const entries: [kind: Restriction, value: number][] = [
    ...(spec.register ?? []).map((name) => [Restriction.RegisterOp, REGISTER_OPS[name]] as [number, number]),
    ...(spec.submit ?? []).map((name) => [Restriction.SqeOp, SUBMIT_OPS[name]] as [number, number]),
  ];
  if (spec.allowed) entries.push([Restriction.SqeFlagsAllowed, flagBits(spec.allowed, SQE_FLAGS)]);
  if (spec.required) entries.push([Restriction.SqeFlagsRequired, flagBits(spec.required, SQE_FLAGS)]);
  const bytes = new Uint8Array(UserSize.Restriction * entries.length);
  const view = new DataView(bytes.buffer);
  for (const [i, [kind, value]] of entries.entries()) {
    view.setUint16(i * UserSize.Restriction, kind, true);
    view.setUint8(i * UserSize.Restriction + 2, value);
  }
  return { op: RegisterOp.Restrictions, argument: bytes, count: entries.length };
}
