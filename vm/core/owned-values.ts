// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/** What the values of maps own through their special fields (objects.ts): kptrs, lists, trees. */
import { cpuCount, currentCpu, isPercpu, MapRecord, ValueField } from './map.ts';
import { objectType } from './object-type.ts';
import { initFields, releaseFields } from './objects.ts';

/** Hides the special fields from a system call: its copy gets those of a new value. */
export function maskFields(map: MapRecord, copy: u32): void {
  const type = objectType(map.valueType);
  if (type !== null) {
    initFields(type, copy);
    return;
  }
  for (let i: u32 = 0; i < map.fieldCount; i++) {
    const field = changetype<ValueField>(map.fields + i * 8);
    memory.fill(copy + field.offset, 0, field.size);
  }
}

/** Frees what a value owns, for all CPUs when it is one for each. */
export function releaseValue(map: MapRecord, value: u32): void {
  if (map.valueType === 0) return;
  const copies = isPercpu(map.type) ? cpuCount : 1;
  for (let cpu: u32 = 0; cpu < copies; cpu++) releaseFields(map.valueType, value + cpu * map.valueStride);
}

/** As `releaseValue`, for the current CPU's value alone. */
export function releaseOwnValue(map: MapRecord, value: u32): void {
  const at = isPercpu(map.type) ? currentCpu * map.valueStride : 0;
  releaseFields(map.valueType, value + at);
}
