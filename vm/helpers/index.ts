/** Connects a vm to a kernel: every helper that vm.wasm does not answer itself. */
import type { KernelServices } from '../../kernel-model/services.ts';
import type { MapTable } from '../maps.ts';
import type { Vm } from '../vm.ts';
import { arenaHelpers } from './arena.ts';
import { cgroupStorageHelpers } from './cgroup-storage.ts';
import { HelperContext } from './context.ts';
import { deferredHelpers } from './deferred.ts';
import { kernelHelpers } from './kernel.ts';
import { memoryHelpers } from './memory.ts';
import { mtuHelpers } from './mtu.ts';
import { perfEventHelpers } from './perf-event.ts';
import { printHelpers } from './print.ts';
import { skbByteHelpers } from './skb-bytes.ts';
import { skbMetaHelpers } from './skb-meta.ts';
import { skbSizeHelpers } from './skb-size.ts';
import { socketHelpers } from './sockets.ts';
import { taskHelpers } from './task.ts';
import { textHelpers } from './text.ts';
import { xdpHelpers } from './xdp.ts';

export { kfuncNumber } from './kfuncs.ts';

/** To be called once a vm, before its first run. */
export function installHelpers(vm: Vm, services: KernelServices, maps: MapTable): void {
  const context = new HelperContext(vm, services);
  const { buf, size, count } = context.seqFiles;
  maps.exports.setSeqLayout(buf, size, count);
  const groups = [
    arenaHelpers(context),
    cgroupStorageHelpers(context),
    deferredHelpers(context),
    kernelHelpers(context),
    memoryHelpers(context),
    mtuHelpers(context),
    perfEventHelpers(context, maps),
    printHelpers(context),
    skbByteHelpers(context),
    skbMetaHelpers(context),
    skbSizeHelpers(context),
    socketHelpers(context),
    taskHelpers(context),
    textHelpers(context),
    xdpHelpers(context),
  ];
  for (const [id, helper] of groups.flat()) vm.setHelper(id, helper);
}
