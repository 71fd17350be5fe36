/** What a scene expects a task to read, or to find in its memory. */
import { Errno } from '../../bpf/errno.ts';
import type { Task } from '../task.ts';
import { contentText } from './build-memory.ts';
import type { BytesSpec, Quantity } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';

/** Bytes that one check may look at. */
const MAX_CHECKED = 1 << 20;

/** @throws {SceneError} when the bytes differ. */
export function expectBytes(scope: Scope, found: Uint8Array, wanted: Uint8Array, path: ScenePath): void {
  if (found.length === wanted.length && found.every((byte, i) => byte === wanted[i])) return;
  throw scope.error(path, `the bytes are ${hex(found)}, not ${hex(wanted)}`);
}

/** @throws {SceneError} when the task's memory holds something else. */
export function expectMemory(
  task: Task,
  spec: BytesSpec & { address: Quantity },
  path: ScenePath,
  scope: Scope,
): void {
  const address = scope.size(spec.address, [...path, 'address']);
  const wanted = content(spec, path, scope);
  const found = task.mm?.memory.read(address, wanted.length);
  if (!found) throw scope.error(path, `task ${task.pid} cannot read there`, Errno.EFAULT);
  expectBytes(scope, found, wanted, path);
}

function content(spec: BytesSpec, path: ScenePath, scope: Scope): Uint8Array {
  if (spec.fill === undefined) return contentText(spec);
  const length = scope.size(spec.length ?? 0, [...path, 'length']);
  if (length > MAX_CHECKED) throw scope.error(path, `more than ${MAX_CHECKED} bytes to look at`);
  return new Uint8Array(length).fill(spec.fill);
}

function hex(bytes: Uint8Array): string {
  const shown = [...bytes.subarray(0, 32)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return bytes.length > 32 ? `${shown}... (${bytes.length} bytes)` : shown || 'none';
}
