/** The helper of cgroup storage maps. */
import { FaultKind } from '../../bpf/abi.ts';
import { HelperId } from '../../bpf/helper-id.ts';
import type { HelperCall } from '../helper-call.ts';
import type { Vm } from '../vm.ts';
import type { HelperContext, HelperGroup } from './context.ts';

export function cgroupStorageHelpers({ vm }: HelperContext): HelperGroup {
  return [[HelperId.GetLocalStorage, (call) => getLocalStorage(vm, call)]];
}

/** `void *bpf_get_local_storage(map, u64 flags)`: never NULL */
function getLocalStorage({ core, storage }: Vm, call: HelperCall): bigint {
  const map = call.arg(1);
  const size = core.exports.cgroupStorageSize(map) >>> 0;
  if (size > 0) return storage.valueOf(map, size);
  call.fault(FaultKind.BadArgument, map);
  return 0n;
}
