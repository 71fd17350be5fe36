/** Mappings of a task and what they hold. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import { Errno } from '../../bpf/errno.ts';
import { MapFlag } from '../memory-syscalls.ts';
import type { Task } from '../task.ts';
import { Prot } from '../vma.ts';
import type { Builder } from './builder.ts';
import type { BytesSpec, ContentSpec, MappingSpec } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** Bytes that one content entry may write: what a scene holds is meant to be looked at. */
const MAX_CONTENT = 64 << 20;
/** Written at a time. */
const CHUNK = 1 << 20;

const KIND_FLAGS = {
  anon: MapFlag.Private | MapFlag.Anonymous,
  shared: MapFlag.Shared | MapFlag.Anonymous,
  huge: MapFlag.Private | MapFlag.Anonymous | MapFlag.HugeTlb,
  file: MapFlag.Shared,
  file_private: MapFlag.Private,
} as const;

export class MemoryBuilder {
  private readonly builder: Builder;
  private readonly task: Task;

  constructor(builder: Builder, task: Task) {
    this.builder = builder;
    this.task = task;
  }

  add(spec: MappingSpec, path: ScenePath): void {
    const scope = this.builder.scopeOf(this.task);
    const names = this.builder.namesOf(this.task);
    if (spec.name !== undefined && names.has(spec.name)) {
      throw scope.error([...path, 'name'], `a mapping of this task is called "${spec.name}" already`);
    }
    if (spec.name === 'i')
      throw scope.error([...path, 'name'], '"i" counts repetitions, it cannot be a name');
    scope.repeat(spec, path, (inner, index) => {
      const address = this.map(spec, path, inner);
      if (spec.name !== undefined && index === 0) names.set(spec.name, BigInt(address));
      for (const [n, content] of (spec.content ?? []).entries()) {
        this.fill(spec, content, address, [...path, 'content', n], inner);
      }
    });
  }

  /** Stores bytes as the task itself would. */
  write(spec: BytesSpec, address: number, room: number, path: ScenePath, scope: Scope): void {
    const length = this.lengthOf(spec, room, path, scope);
    if (length > room) throw scope.error(path, `${length} bytes do not fit into the ${room} that are left`);
    if (length > MAX_CONTENT) throw scope.error(path, `more than ${MAX_CONTENT} bytes of content`);
    scope.spend(Math.ceil(length / PAGE_SIZE), path);
    const bytes = contentBytes(spec, length);
    for (let done = 0; done < length; done += CHUNK) {
      const part = bytes(done, Math.min(CHUNK, length - done));
      if (this.task.mm?.memory.write(address + done, part)) continue;
      throw scope.error(path, `task ${this.task.pid} cannot write there`, Errno.EFAULT);
    }
  }

  private map(spec: MappingSpec, path: ScenePath, scope: Scope): number {
    const { builder, task } = this;
    const kind = spec.kind ?? 'anon';
    const isFile = kind === 'file' || kind === 'file_private';
    if (isFile !== (spec.fd !== undefined)) {
      throw scope.error(
        path,
        isFile ? `a mapping of kind ${kind} needs fd` : 'fd needs kind file or file_private',
      );
    }
    const address = spec.address === undefined ? 0 : scope.size(spec.address, [...path, 'address']);
    const length = scope.size(spec.length, [...path, 'length']);
    const fixed = spec.address === undefined ? 0 : MapFlag.FixedNoReplace;
    const flags = KIND_FLAGS[kind] | fixed;
    const fd = spec.fd === undefined ? -1 : scope.int(spec.fd, [...path, 'fd']);
    const offset = spec.offset === undefined ? 0 : scope.size(spec.offset, [...path, 'offset']);
    const prot = protBits(spec.prot ?? 'rw');
    return builder.done(
      'mmap',
      task,
      builder.machine.sys.mmap(task, address, length, prot, flags, fd, offset),
      path,
    );
  }

  private fill(
    spec: MappingSpec,
    content: ContentSpec,
    address: number,
    path: ScenePath,
    scope: Scope,
  ): void {
    const at = content.at === undefined ? 0 : scope.size(content.at, [...path, 'at']);
    const length = Math.ceil(scope.size(spec.length, path) / PAGE_SIZE) * PAGE_SIZE;
    this.write(content, address + at, Math.max(0, length - at), path, scope);
  }

  private lengthOf(spec: BytesSpec, room: number, path: ScenePath, scope: Scope): number {
    if (spec.fill === undefined) return contentText(spec).length;
    return spec.length === undefined ? room : scope.size(spec.length, [...path, 'length']);
  }
}

/** Bytes given as text or as hexadecimal digits. */
export function contentText({ text, hex }: BytesSpec): Uint8Array {
  if (text !== undefined) return new TextEncoder().encode(text);
  const digits = (hex ?? '').replaceAll(' ', '');
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) =>
    Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16),
  );
}

/** Gives a part of the content; a fill is not laid out as a whole. */
function contentBytes(spec: BytesSpec, length: number): (from: number, count: number) => Uint8Array {
  const { fill } = spec;
  if (fill !== undefined) return (_from, count) => new Uint8Array(count).fill(fill);
  const bytes = contentText(spec).subarray(0, length);
  return (from, count) => bytes.subarray(from, from + count);
}

function protBits(text: string): number {
  let prot = 0;
  if (text.includes('r')) prot |= Prot.Read;
  if (text.includes('w')) prot |= Prot.Write;
  if (text.includes('x')) prot |= Prot.Exec;
  return prot;
}
