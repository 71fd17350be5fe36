/** io_uring instances of a task and what is registered with them. */

import { PAGE_SIZE } from '../../bpf/address.ts';
import { ioUringSetup, type SetupParams } from '../io-uring/setup.ts';
import { RegisterOp, RingLimit, RSRC_REGISTER_SPARSE, UserSize } from '../io-uring/uapi.ts';
import { Blocked } from '../lock.ts';
import { MapFlag } from '../memory-syscalls.ts';
import type { Task } from '../task.ts';
import { Prot } from '../vma.ts';
import { fillBufferRing, singleCall } from './build-register.ts';
import { SubmissionBuilder } from './build-submissions.ts';
import type { Builder } from './builder.ts';
import { descriptor } from './entries.ts';
import { flagBits, SETUP_FLAGS } from './flags.ts';
import type { Call } from './reasons.ts';
import { RingHandle } from './ring-handle.ts';
import type { BufferSpec, Quantity, RegisterSpec, RingSpec, SlotSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** Elements of a register call: what io_uring_register's array holds, and the tags beside it. */
interface Elements {
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly tags: BigUint64Array | undefined;
}

interface Slot {
  readonly bytes: Uint8Array;
  readonly tag: bigint;
}

export class RingBuilder {
  private readonly builder: Builder;
  private readonly task: Task;

  constructor(builder: Builder, task: Task) {
    this.builder = builder;
    this.task = task;
  }

  add(spec: RingSpec, path: ScenePath): void {
    this.builder.scopeOf(this.task).repeat(spec, path, (scope) => {
      const handle = this.setup(spec, path, scope);
      if (!handle) return;
      for (const [index, call] of (spec.register ?? []).entries()) {
        this.register(handle, call, [...path, 'register', index], scope);
      }
      const submissions = new SubmissionBuilder(this.builder, handle);
      if (spec.submit) submissions.submit(spec.submit, [...path, 'submit'], scope);
      if (spec.prepare) submissions.prepare(spec.prepare, [...path, 'prepare'], scope);
    });
  }

  register(ring: RingHandle, spec: RegisterSpec, path: ScenePath, scope: Scope): void {
    const { call, op } = operation(spec);
    const at = [...path, call.key];
    const result = this.builder.at(at, () => this.perform(ring, op, spec, at, scope));
    if (spec.waits) {
      if (result instanceof Blocked) return;
      throw scope.error([...path, 'waits'], `${call.name} by task ${this.task.pid} returns ${result}`);
    }
    const value = this.builder.doneOrFails(call.name, this.task, result, path, spec.fails);
    if (spec.returns === undefined || value === scope.int(spec.returns, [...path, 'returns'])) return;
    throw scope.error([...path, 'returns'], `${call.name} by task ${this.task.pid} returns ${value}`);
  }

  /** The new ring, undefined when it failed as it had to. */
  private setup(spec: RingSpec, path: ScenePath, scope: Scope): RingHandle | undefined {
    const { builder, task } = this;
    const number = (key: 'cq_entries' | 'sq_thread_cpu' | 'sq_thread_idle') => {
      const value: Quantity | undefined = spec[key];
      return value === undefined ? 0 : scope.uint32(value, [...path, key]);
    };
    const params: SetupParams = {
      flags: flagBits(spec.flags ?? [], SETUP_FLAGS),
      cqEntries: number('cq_entries'),
      sqThreadCpu: number('sq_thread_cpu'),
      sqThreadIdle: number('sq_thread_idle'),
      ...(spec.wq_fd === undefined ? {} : { wqFd: scope.int(spec.wq_fd, [...path, 'wq_fd']) }),
      ...(spec.compat ? { compat: true } : {}),
      ...userAreas(spec, [...path, 'memory'], scope),
    };
    const entries = scope.uint32(spec.entries ?? 8, [...path, 'entries']);
    // Queue memory: 64 bytes for a submission entry and up to 32 for a completion.
    scope.spend(Math.ceil((Math.min(entries, RingLimit.Entries) * 96) / PAGE_SIZE), path);
    const result = builder.at(path, () => ioUringSetup(builder.machine, task, entries, params));
    const value = typeof result === 'number' ? result : result.fd;
    const fd = builder.doneOrFails('io_uring_setup', task, value, path, spec.fails);
    if (fd < 0) return undefined;
    if (spec.flags?.includes('REGISTERED_FD_ONLY')) return new RingHandle(builder, task, fd, true);
    return new RingHandle(builder, task, builder.place(task, fd, spec.fd, [...path, 'fd'], scope));
  }

  private perform(ring: RingHandle, op: Operation, spec: RegisterSpec, path: ScenePath, scope: Scope) {
    switch (op) {
      case 'buffers':
        return this.registerTable(
          ring,
          this.buffers(ring, spec.buffers ?? [], path, scope),
          RegisterOp.Buffers,
          RegisterOp.Buffers2,
        );
      case 'files':
        return this.registerTable(
          ring,
          this.slots(spec.files ?? [], path, scope),
          RegisterOp.Files,
          RegisterOp.Files2,
        );
      case 'update_buffers':
        return this.update(
          ring,
          spec,
          this.buffers(ring, spec.update_buffers ?? [], path, scope),
          RegisterOp.BuffersUpdate,
          path,
          scope,
        );
      case 'update_files':
        return this.update(
          ring,
          spec,
          this.slots(spec.update_files ?? [], path, scope),
          RegisterOp.FilesUpdate2,
          path,
          scope,
        );
      case 'sparse_buffers':
        return this.registerSparse(ring, scope.uint32(spec.sparse_buffers ?? 0, path), RegisterOp.Buffers2);
      case 'sparse_files':
        return this.registerSparse(ring, scope.uint32(spec.sparse_files ?? 0, path), RegisterOp.Files2);
      case 'eventfd': {
        const bytes = int32(scope.int(spec.eventfd ?? -1, path));
        return ring.register(spec.async ? RegisterOp.EventfdAsync : RegisterOp.Eventfd, bytes, 1);
      }
      case 'unregister':
        return ring.register(UNREGISTER[spec.unregister ?? 'buffers'], 0n, 0);
      default: {
        if (op === 'buffer_ring' && spec.buffer_ring)
          fillBufferRing(this.task, spec.buffer_ring, path, scope);
        const { op: code, argument, count, check } = singleCall(op, spec, path, scope);
        const result = ring.register(code, argument, count);
        if (result === 0) check?.();
        return result;
      }
    }
  }

  /** The plain call where there are no tags, as programs make it. */
  private registerTable(ring: RingHandle, elements: Elements, plain: RegisterOp, tagged: RegisterOp) {
    if (!elements.tags) return ring.register(plain, elements.bytes, elements.count);
    return this.withScratch(elements, (data, tags) => {
      const argument = new Uint8Array(UserSize.RsrcRegister);
      const view = new DataView(argument.buffer);
      view.setUint32(0, elements.count, true);
      view.setBigUint64(16, data, true);
      view.setBigUint64(24, tags, true);
      return ring.register(tagged, argument, UserSize.RsrcRegister);
    });
  }

  private registerSparse(ring: RingHandle, count: number, op: RegisterOp) {
    const argument = new Uint8Array(UserSize.RsrcRegister);
    const view = new DataView(argument.buffer);
    view.setUint32(0, count, true);
    view.setUint32(4, RSRC_REGISTER_SPARSE, true);
    return ring.register(op, argument, UserSize.RsrcRegister);
  }

  private update(
    ring: RingHandle,
    spec: RegisterSpec,
    elements: Elements,
    op: RegisterOp,
    path: ScenePath,
    scope: Scope,
  ) {
    const offset =
      spec.offset === undefined ? 0 : scope.uint32(spec.offset, [...path.slice(0, -1), 'offset']);
    return this.withScratch(elements, (data, tags) => {
      const argument = new Uint8Array(UserSize.RsrcUpdate2);
      const view = new DataView(argument.buffer);
      view.setUint32(0, offset, true);
      view.setBigUint64(8, data, true);
      view.setBigUint64(16, tags, true);
      view.setUint32(24, elements.count, true);
      return ring.register(op, argument, UserSize.RsrcUpdate2);
    });
  }

  /** Calls with pointers inside their argument need the array in the task's memory; it is there for as long. */
  private withScratch<T>(elements: Elements, use: (data: bigint, tags: bigint) => T): T {
    const { builder, task } = this;
    const { sys } = builder.machine;
    const tags = elements.tags ? new Uint8Array(elements.tags.buffer) : new Uint8Array();
    const start = Math.ceil(elements.bytes.length / 8) * 8;
    const size = Math.max(start + tags.length, 1);
    const flags = MapFlag.Private | MapFlag.Anonymous;
    const address = builder.done('mmap', task, sys.mmap(task, 0, size, Prot.Read | Prot.Write, flags), []);
    task.mm?.memory.write(address, elements.bytes);
    task.mm?.memory.write(address + start, tags);
    const result = use(BigInt(address), tags.length > 0 ? BigInt(address + start) : 0n);
    sys.munmap(task, address, size);
    return result;
  }

  private buffers(
    { compat }: RingHandle,
    specs: readonly BufferSpec[],
    path: ScenePath,
    scope: Scope,
  ): Elements {
    const slots: Slot[] = [];
    const size = compat ? UserSize.CompatIovec : UserSize.Iovec;
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      if (spec === 'none') {
        slots.push({ bytes: new Uint8Array(size), tag: 0n });
        continue;
      }
      scope.repeat(spec, at, (inner) => {
        const word = (key: 'address' | 'length') =>
          compat ? BigInt(inner.uint32(spec[key], [...at, key])) : inner.uint64(spec[key], [...at, key]);
        const length = word('length');
        const bytes = words([word('address'), length], size / 2);
        // Longer ones than a ring takes are refused before any page is looked at.
        if (length <= BigInt(RingLimit.BufferSize)) inner.spend(Math.ceil(Number(length) / PAGE_SIZE), at);
        slots.push({ bytes, tag: tagOf(spec.tag, at, inner) });
      });
    }
    return join(slots, size);
  }

  private slots(specs: readonly SlotSpec[], path: ScenePath, scope: Scope): Elements {
    const slots: Slot[] = [];
    for (const [index, spec] of specs.entries()) {
      const at = [...path, index];
      if (typeof spec !== 'object') {
        slots.push({ bytes: int32(descriptor(spec, at, scope)), tag: 0n });
        continue;
      }
      scope.repeat(spec, at, (inner) => {
        const fd = descriptor(spec.fd, [...at, 'fd'], inner);
        slots.push({ bytes: int32(fd), tag: tagOf(spec.tag, at, inner) });
      });
    }
    return join(slots, 4);
  }
}

type Operation = Exclude<keyof RegisterSpec, 'async' | 'offset' | 'returns' | 'waits' | 'fails'>;

const CALLS: { readonly [op in Operation]: Call } = {
  buffers: 'register buffers',
  files: 'register files',
  eventfd: 'register eventfd',
  sparse_buffers: 'register buffers',
  sparse_files: 'register files',
  update_buffers: 'update buffers',
  update_files: 'update files',
  unregister: 'unregister',
  personality: 'register',
  unregister_personality: 'register',
  restrictions: 'register',
  enable: 'register',
  alloc_range: 'register',
  buffer_ring: 'register',
  unregister_buffer_ring: 'register',
  ring_fds: 'register',
  worker_limits: 'register',
  worker_cpus: 'register',
  napi: 'register',
  clock: 'register',
  clone_buffers: 'register',
  unregister_ring_fd: 'unregister',
  buffer_ring_head: 'register',
  sync_cancel: 'register',
};

const UNREGISTER = {
  buffers: RegisterOp.UnregisterBuffers,
  files: RegisterOp.UnregisterFiles,
  eventfd: RegisterOp.UnregisterEventfd,
  worker_cpus: RegisterOp.UnregisterIowqAff,
} as const;

/** Addresses for NO_MMAP. */
function userAreas({ memory = {} }: RingSpec, path: ScenePath, scope: Scope): SetupParams {
  const { rings, entries } = memory;
  return {
    ...(rings === undefined ? {} : { cqUserAddress: scope.uint64(rings, [...path, 'rings']) }),
    ...(entries === undefined ? {} : { sqUserAddress: scope.uint64(entries, [...path, 'entries']) }),
  };
}

/** Which of the operations a call is; the schema has checked that it is one. */
function operation(spec: RegisterSpec): { op: Operation; call: { name: Call; key: string } } {
  for (const [key, name] of Object.entries(CALLS)) {
    if (Object.hasOwn(spec, key)) return { op: key as Operation, call: { name, key } };
  }
  throw new Error('a register call without an operation');
}

function tagOf(tag: Quantity | undefined, path: ScenePath, scope: Scope): bigint {
  return tag === undefined ? 0n : scope.uint64(tag, [...path, 'tag']);
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

/** Numbers of so many bytes each. */
function words(values: readonly bigint[], size: number): Uint8Array {
  if (size === 8) return new Uint8Array(BigUint64Array.from(values).buffer);
  return new Uint8Array(Uint32Array.from(values, Number).buffer);
}

function join(slots: readonly Slot[], size: number): Elements {
  const bytes = new Uint8Array(slots.length * size);
  for (const [index, slot] of slots.entries()) bytes.set(slot.bytes, index * size);
  const tags = slots.some(({ tag }) => tag !== 0n) ? BigUint64Array.from(slots, ({ tag }) => tag) : undefined;
  return { bytes, count: slots.length, tags };
}
