/** bpf_perf_event_output: perf event arrays as sinks of records. */
import { Errno } from '../../bpf/errno.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import type { HelperCall } from '../helper-call.ts';
import type { MapTable } from '../maps.ts';
import type { HelperContext, HelperGroup } from './context.ts';

/** BPF_F_INDEX_MASK; all ones mean the current CPU. */
const INDEX_MASK = 0xffff_ffffn;
/** Longest record: perf's size field has 16 bits. */
const MAX_RECORD = 0xffff - 16;
const PERF_EVENT_ARRAY = 4;

export function perfEventHelpers(context: HelperContext, maps: MapTable): HelperGroup {
  return [[HelperId.PerfEventOutput, (call) => output(context, maps, call)]];
}

/**
 * `long bpf_perf_event_output(void *ctx, struct bpf_map *map, u64 flags, void *data, u64 size)`: 0; -EINVAL
 * (flags, not such a map), -E2BIG (index, size), -ENOENT (no event in the slot). The record goes to
 * `VmMap.events`.
 */
function output(context: HelperContext, maps: MapTable, call: HelperCall): number {
  const flags = call.arg(3);
  if ((flags & ~INDEX_MASK) !== 0n) return -Errno.EINVAL;
  const map = maps.atAddress(call.arg(2));
  if (map?.type !== PERF_EVENT_ARRAY) return -Errno.EINVAL;
  const index = flags === INDEX_MASK ? maps.currentCpu : Number(flags);
  if (index >= map.maxEntries || call.arg(5) > BigInt(MAX_RECORD)) return -Errno.E2BIG;
  if (map.reference(index) === 0) return -Errno.ENOENT;
  const data = context.ram.read(call.arg(4), call.arg32(5));
  if (data === null) return -Errno.EFAULT;
  map.events.push(data);
  return 0;
}
