/** The iterator targets of the model. */
import { BtfKind } from '../../bpf/btf.ts';
import type { Machine } from '../machine.ts';
import { bpfMap } from './bpf-map.ts';
import { bpfMapElem } from './bpf-map-elem.ts';
import { epollTarget } from './epoll.ts';
import { ioUringBuf } from './io-uring-buf.ts';
import { ioUringBvec } from './io-uring-bvec.ts';
import { ioUringFile } from './io-uring-file.ts';
import type { IterTarget } from './target.ts';
import { taskTarget } from './task.ts';
import { taskFileTarget } from './task-file.ts';
import { taskVmaTarget } from './task-vma.ts';

const PREFIX = 'bpf_iter_';

export const ITER_TARGETS: readonly IterTarget[] = [
  ioUringBuf,
  ioUringFile,
  ioUringBvec,
  epollTarget,
  taskTarget,
  taskFileTarget,
  taskVmaTarget,
  bpfMap,
  bpfMapElem,
];

/** The target whose FUNC has this BTF id, undefined when it is none, or none of the model's. */
export function findTarget(machine: Machine, btfId: number): IterTarget | undefined {
  const { btf } = machine;
  if (btfId <= 0 || btfId >= btf.typeCount || btf.kind(btfId) !== BtfKind.Func) return undefined;
  const name = btf.name(btfId);
  if (!name.startsWith(PREFIX)) return undefined;
  return ITER_TARGETS.find((target) => target.name === name.slice(PREFIX.length));
}
