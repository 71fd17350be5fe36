/* SPDX-License-Identifier: GPL-2.0 */
/* Contexts of the program types, as far as the tests look into them, and some helpers by their numbers. */
#pragma once
#include "../../loader/objects/defs.h"

#define __arg_ctx __tag("arg:ctx")
#define __arg_nonnull __tag("arg:nonnull")
#define __exception_cb(name) __tag("exception_callback:" #name)

typedef signed long long s64;

struct __sk_buff {
	u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end;
};
struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};
struct bpf_sock {
	u32 bound_dev_if, family, type, protocol, mark, priority;
};
struct bpf_sock_addr {
	u32 user_family, user_ip4, user_ip6[4], user_port, family, type, protocol;
};
struct bpf_sock_ops {
	u32 op;
};
struct sk_msg_md {
	void *data, *data_end;
	u32 family;
};
struct sk_reuseport_md {
	void *data, *data_end;
	u32 len;
};
struct bpf_sk_lookup {
	u64 cookie;
	u32 family;
};
struct bpf_sysctl {
	u32 write, file_pos;
};
struct bpf_sockopt {
	struct bpf_sock *sk;
	void *optval, *optval_end;
	s32 level, optname, optlen, retval;
};
struct bpf_cgroup_dev_ctx {
	u32 access_type, major, minor;
};
struct bpf_perf_event_data {
	u64 regs[21];
	u64 sample_period, addr;
};
struct bpf_raw_tracepoint_args {
	u64 args[1];
};
struct bpf_nf_ctx;
struct pt_regs {
	u64 words[21];
};

static u64 (*ktime_get_ns)(void) = (void *)5;
static u32 (*get_prandom_u32)(void) = (void *)7;
static u64 (*get_current_pid_tgid)(void) = (void *)14;
static long (*skb_pull_data)(struct __sk_buff *skb, u32 len) = (void *)39;
static long (*redirect)(u32 ifindex, u64 flags) = (void *)23;
static long (*xdp_adjust_head)(struct xdp_md *xdp, s32 delta) = (void *)44;
static long (*probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static u64 (*get_func_ip)(void *ctx) = (void *)173;
static long (*get_func_arg)(void *ctx, u32 n, u64 *value) = (void *)183;
static long (*get_func_ret)(void *ctx, u64 *value) = (void *)184;
