/** What the recording loader did to maps before it loaded a program. */
import { Class, Jmp, Mode, Pseudo, Size } from '../../../bpf/isa.ts';
import type { LoadRequest, MapInfo } from '../../../verifier/load-request.ts';

const SLOT = 8;
/** BPF_MAP_TYPE_* */
const enum MapType {
  Hash = 1,
  Array = 2,
  ProgArray = 3,
  PerfEventArray = 4,
  PercpuHash = 5,
  PercpuArray = 6,
  CgroupArray = 8,
  ArrayOfMaps = 12,
  HashOfMaps = 13,
  CgroupStorage = 19,
  PercpuCgroupStorage = 21,
  SkStorage = 24,
  StructOps = 26,
  Ringbuf = 27,
  InodeStorage = 28,
  TaskStorage = 29,
  UserRingbuf = 31,
  CgrpStorage = 32,
}
/** Maps that have no number of entries. */
const UNSIZED = new Set<number>([
  MapType.CgroupStorage,
  MapType.PercpuCgroupStorage,
  MapType.SkStorage,
  MapType.StructOps,
  MapType.InodeStorage,
  MapType.TaskStorage,
  MapType.CgrpStorage,
]);
const RING_BYTES = 4096;
const ZERO_SEED = 1 << 6;
/** Maps that a task without capabilities can create; the hashes only with a seed. */
const UNPRIVILEGED = new Set<number>([
  MapType.Array,
  MapType.ProgArray,
  MapType.PerfEventArray,
  MapType.PercpuArray,
  MapType.CgroupArray,
  MapType.ArrayOfMaps,
  MapType.CgroupStorage,
  MapType.PercpuCgroupStorage,
  MapType.Ringbuf,
  MapType.UserRingbuf,
]);
const UNPRIVILEGED_SEEDED = new Set<number>([MapType.Hash, MapType.PercpuHash, MapType.HashOfMaps]);
/** libbpf calls helper POISON + index where the code names a map that was not created. */
const POISON = 2_001_000_000;

/** Gives maps that leave their number of entries to user space the least that can be created. */
export function withMapSizes(maps: readonly MapInfo[]): MapInfo[] {
  return maps.map((map) => {
    if (map.maxEntries !== 0 || UNSIZED.has(map.type)) return map;
    const isRing = map.type === MapType.Ringbuf || map.type === MapType.UserRingbuf;
    return { ...map, maxEntries: isRing ? RING_BYTES : 1 };
  });
}

/** Takes out the maps that an unprivileged task cannot create: code that names one cannot be verified. */
export function poisonMaps(request: LoadRequest): LoadRequest {
  const insns = request.insns.slice();
  const view = new DataView(insns.buffer);
  for (let at = 0; at + 2 * SLOT <= insns.length; at += SLOT) {
    if (insns[at] !== (Class.Ld | Mode.Imm | Size.Dw)) continue;
    const source = (insns[at + 1] ?? 0) >>> 4;
    const index = view.getInt32(at + 4, true);
    const map = source === Pseudo.MapFd || source === Pseudo.MapValue ? request.maps[index] : undefined;
    if (map && !canCreate(map)) {
      for (const slot of [at, at + SLOT]) {
        insns.fill(0, slot, slot + SLOT);
        insns[slot] = Class.Jmp | Jmp.Call;
        view.setInt32(slot + 4, POISON + index, true);
      }
    }
    at += SLOT;
  }
  return { ...request, insns };
}

function canCreate(map: MapInfo): boolean {
  if (UNPRIVILEGED_SEEDED.has(map.type)) return (map.flags & ZERO_SEED) === 0;
  return UNPRIVILEGED.has(map.type);
}
