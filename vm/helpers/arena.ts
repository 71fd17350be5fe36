/** Kfuncs of arenas: see vm/arena.ts. */
import { FaultKind } from '../../bpf/abi.ts';
import { HostKfunc } from '../../bpf/vm-call.ts';
import type { Arena } from '../arena.ts';
import type { HelperCall } from '../helper-call.ts';
import type { Vm } from '../vm.ts';
import type { HelperContext, HelperGroup } from './context.ts';

export function arenaHelpers({ vm }: HelperContext): HelperGroup {
  return [
    [HostKfunc.ArenaAllocPages, (call) => allocPages(arenaOf(vm, call), call)],
    [HostKfunc.ArenaFreePages, (call) => freePages(arenaOf(vm, call), call)],
  ];
}

/** `void *bpf_arena_alloc_pages(map, addr, u32 page_cnt, int node_id, u64 flags)`: the user address, or NULL */
function allocPages(arena: Arena | undefined, call: HelperCall): bigint {
  const count = call.arg32(3);
  return !arena || count === 0 || call.arg(5) !== 0n ? 0n : arena.alloc(call.arg(2), count);
}

/** `void bpf_arena_free_pages(map, ptr, u32 page_cnt)` */
function freePages(arena: Arena | undefined, call: HelperCall): number {
  if (call.arg(2) !== 0n) arena?.free(call.arg(2), call.arg32(3));
  return 0;
}

/** The arena that a call names; undefined, with a fault raised, when it is none. */
function arenaOf(vm: Vm, call: HelperCall): Arena | undefined {
  const arena = vm.arenas.of(call.arg(1));
  if (!arena) call.fault(FaultKind.BadArgument, call.arg(1));
  return arena;
}
