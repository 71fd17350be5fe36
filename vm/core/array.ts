// biome-ignore-all lint/style/useImportType: AssemblyScript has no type imports
/** Array maps: values side by side, `valueSpan` apart; an index is a u32 key. */
import { Errno } from '../../bpf/errno.ts';
import { ramAlloc, ramFree } from './heap.ts';
import { copyValue, cpuCount, currentCpu, isPercpu, MapRecord, releaseFields, UpdateFlag } from './map.ts';

/** Zeroed storage; 0 or -ENOMEM. */
export function arrayInit(map: MapRecord): i32 {
  const size = <u64>map.valueSpan * <u64>map.maxEntries;
  if (size > 0xf000_0000) return -Errno.ENOMEM;
  map.dataSize = <u32>size;
  // A page, so that BPF_F_MMAPABLE values and .data sections stand as aligned as in Linux.
  map.data = ramAlloc(map.dataSize, size >= 4096 ? 4096 : 64);
  if (map.data === 0) return -Errno.ENOMEM;
  map.count = map.maxEntries;
  return 0;
}

export function arrayFree(map: MapRecord): void {
  ramFree(map.data, map.dataSize);
}

/** Linear offset of a value (per-CPU: that of CPU 0); 0 when the index is out of range. */
export function arrayValue(map: MapRecord, index: u32): u32 {
  return index < map.maxEntries ? map.data + index * map.valueSpan : 0;
}

/** @returns 0, -EINVAL (flags), -E2BIG (index), -EEXIST (an array's elements always exist) */
export function arrayUpdate(map: MapRecord, index: u32, value: u32, flags: u64, all: bool): i32 {
  const how = isPercpu(map.type) ? flags : flags & ~UpdateFlag.Lock;
  if (how > <u64>UpdateFlag.Exist) return -Errno.EINVAL;
  const to = arrayValue(map, index);
  if (to === 0) return -Errno.E2BIG;
  if (how === UpdateFlag.NoExist) return -Errno.EEXIST;
  if (!isPercpu(map.type)) {
    copyValue(map, to, value);
    releaseFields(map, to);
  } else if (!all) {
    copyValue(map, to + currentCpu * map.valueStride, value);
    releaseFields(map, to + currentCpu * map.valueStride);
  } else {
    for (let cpu: u32 = 0; cpu < cpuCount; cpu++) {
      copyValue(map, to + cpu * map.valueStride, value + cpu * map.valueStride);
      releaseFields(map, to + cpu * map.valueStride);
    }
  }
  return 0;
}
