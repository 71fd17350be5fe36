/**
 * Kernel functions of code that kernels may build as modules: netfilter's connection tracking, NAT and flow tables,
 * FOU and XFRM interfaces, congestion controls, and the test modules of the kernel's selftests.
 */
const MODULE_KFUNCS =
  /^(bpf_(skb|xdp)_ct_|bpf_ct_|bpf_xdp_flow_lookup$|bpf_skb_[gs]et_(fou_encap|xfrm_info)$|(bbr|dctcp|cubictcp)_|bpf_kfunc_|bpf_testmod_|bpf_test_modorder_|bpf_iter_testmod_)/;

/** Whether a kernel that does not have the function in itself may have it in a module. */
export function isModuleKfunc(name: string): boolean {
  return MODULE_KFUNCS.test(name);
}
