/** BPF maps of a scene: everything about them but making them. */
import { PAGE_SIZE } from '../../bpf/address.ts';
import { MAP_TYPES } from './flags.ts';
import type { MapSpec, Quantity } from './scene.ts';
import type { ScenePath } from './scene-error.ts';
import type { Scope } from './scope.ts';
import type { SceneMap } from './world.ts';

const MAX_KEY_SIZE = 512;
const MAX_VALUE_SIZE = 1 << 20;

export function buildMap(scope: Scope, spec: MapSpec, path: ScenePath): SceneMap {
  const size = (key: 'key_size' | 'value_size', preset: number, max: number) => {
    const value = spec[key] === undefined ? preset : scope.size(spec[key], [...path, key]);
    if (value < 1 || value > max) throw scope.error([...path, key], `must be 1 to ${max} bytes`);
    return value;
  };
  const keySize = size('key_size', 4, MAX_KEY_SIZE);
  const valueSize = size('value_size', 8, MAX_VALUE_SIZE);
  const maxEntries = scope.uint32(spec.max_entries, [...path, 'max_entries']);
  const entries: { key: Uint8Array; value: Uint8Array }[] = [];
  for (const [index, entry] of (spec.entries ?? []).entries()) {
    const at = [...path, 'entries', index];
    scope.repeat(entry, at, (inner) => {
      inner.spend((keySize + valueSize) / PAGE_SIZE, at);
      const key = littleEndian(entry.key, keySize, [...at, 'key'], inner);
      const value = littleEndian(entry.value, valueSize, [...at, 'value'], inner);
      entries.push({ key, value });
    });
  }
  return { name: spec.name, type: MAP_TYPES[spec.type] as number, keySize, valueSize, maxEntries, entries };
}

function littleEndian(value: Quantity, size: number, path: ScenePath, scope: Scope): Uint8Array {
  const bits = BigInt(8 * Math.min(size, 16));
  let rest = scope.big(value, path, { min: 0n, max: (1n << bits) - 1n });
  const bytes = new Uint8Array(size);
  for (let i = 0; rest > 0n; i++, rest >>= 8n) bytes[i] = Number(rest & 0xffn);
  return bytes;
}
