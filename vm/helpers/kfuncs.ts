/** Kfuncs by name, and the numbers under which the vm calls them. */
import { VmCall } from '../../bpf/abi.ts';
import { HostKfunc, VmKfunc } from '../../bpf/vm-call.ts';

/** Kernel function name -> number for a call instruction of the vm. */
const KFUNCS: ReadonlyMap<string, number> = new Map<string, number>([
  ['bpf_page_to_pfn', VmCall.PageToPfn],
  ['bpf_iter_num_new', VmKfunc.IterNumNew],
  ['bpf_iter_num_next', VmKfunc.IterNumNext],
  ['bpf_iter_num_destroy', VmKfunc.IterNumDestroy],
  ['bpf_iter_bits_new', VmKfunc.IterBitsNew],
  ['bpf_iter_bits_next', VmKfunc.IterBitsNext],
  ['bpf_iter_bits_destroy', VmKfunc.IterBitsDestroy],
  ['bpf_dynptr_size', VmKfunc.DynptrSize],
  ['bpf_dynptr_is_null', VmKfunc.DynptrIsNull],
  ['bpf_dynptr_is_rdonly', VmKfunc.DynptrIsRdonly],
  ['bpf_dynptr_adjust', VmKfunc.DynptrAdjust],
  ['bpf_dynptr_clone', VmKfunc.DynptrClone],
  ['bpf_dynptr_slice', VmKfunc.DynptrSlice],
  ['bpf_dynptr_slice_rdwr', VmKfunc.DynptrSliceRdwr],
  ['bpf_dynptr_from_skb', VmKfunc.DynptrFromSkb],
  ['bpf_dynptr_from_skb_rdonly', VmKfunc.DynptrFromSkbRdonly],
  ['bpf_dynptr_from_xdp', VmKfunc.DynptrFromXdp],
  ['bpf_cast_to_kern_ctx', VmKfunc.CastToKernCtx],
  ['bpf_rdonly_cast', VmKfunc.RdonlyCast],
  ['bpf_map_sum_elem_count', VmKfunc.MapSumElemCount],
  ['bpf_rcu_read_lock', VmKfunc.Nothing],
  ['bpf_rcu_read_unlock', VmKfunc.Nothing],
  ['bpf_preempt_disable', VmKfunc.Nothing],
  ['bpf_preempt_enable', VmKfunc.Nothing],
  ['bpf_wq_init', HostKfunc.WqInit],
  ['bpf_wq_set_callback_impl', HostKfunc.WqSetCallback],
  ['bpf_wq_start', HostKfunc.WqStart],
  ['bpf_arena_alloc_pages', HostKfunc.ArenaAllocPages],
  ['bpf_arena_free_pages', HostKfunc.ArenaFreePages],
]);

/** Number of a kfunc; undefined when it is not modelled. */
export function kfuncNumber(name: string): number | undefined {
  return KFUNCS.get(name);
}
