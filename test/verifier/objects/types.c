/* SPDX-License-Identifier: GPL-2.0 */
/* One program of each type, with a function beside its entry: what replaces them is held to that type's rules. */
#include "context.h"

char _license[] SEC("license") = "GPL";

__noinline int number(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

#define TARGET(section, name, context)  \
	SEC(section)                    \
	int name(struct context *ctx)   \
	{                               \
		number(1);              \
		return 1;               \
	}

TARGET("socket", socket_entry, __sk_buff)
TARGET("tc", tc_entry, __sk_buff)
TARGET("action", action_entry, __sk_buff)
TARGET("xdp", xdp_entry, xdp_md)
TARGET("kprobe/do_nanosleep", kprobe_entry, pt_regs)
TARGET("raw_tp/sys_enter", raw_tp_entry, bpf_raw_tracepoint_args)
TARGET("raw_tp.w/sys_enter", raw_tp_w_entry, bpf_raw_tracepoint_args)
TARGET("perf_event", perf_event_entry, bpf_perf_event_data)
TARGET("cgroup_skb/ingress", ingress_entry, __sk_buff)
TARGET("cgroup_skb/egress", egress_entry, __sk_buff)
TARGET("cgroup/sock_create", sock_create_entry, bpf_sock)
TARGET("cgroup/connect4", connect4_entry, bpf_sock_addr)
TARGET("cgroup/bind6", bind6_entry, bpf_sock_addr)
TARGET("cgroup/recvmsg4", recvmsg4_entry, bpf_sock_addr)
TARGET("cgroup/sysctl", sysctl_entry, bpf_sysctl)
TARGET("cgroup/getsockopt", getsockopt_entry, bpf_sockopt)
TARGET("cgroup/setsockopt", setsockopt_entry, bpf_sockopt)
TARGET("cgroup/dev", dev_entry, bpf_cgroup_dev_ctx)
TARGET("sockops", sockops_entry, bpf_sock_ops)
TARGET("sk_skb", sk_skb_entry, __sk_buff)
TARGET("sk_msg", sk_msg_entry, sk_msg_md)
TARGET("sk_reuseport", sk_reuseport_entry, sk_reuseport_md)
TARGET("sk_lookup", sk_lookup_entry, bpf_sk_lookup)
TARGET("flow_dissector", flow_dissector_entry, __sk_buff)
TARGET("lwt_in", lwt_in_entry, __sk_buff)
TARGET("lwt_xmit", lwt_xmit_entry, __sk_buff)
TARGET("lwt_seg6local", lwt_seg6local_entry, __sk_buff)

SEC("tracepoint/syscalls/sys_enter_nanosleep")
int tracepoint_entry(void *ctx)
{
	return number(1);
}

SEC("syscall")
int syscall_entry(void *ctx)
{
	return number(1);
}

__noinline int words(u64 *ctx __arg_ctx)
{
	return ctx[0] != 0;
}

SEC("tp_btf/sys_enter")
int tp_btf_entry(u64 *ctx)
{
	return number(1) + words(ctx);
}

SEC("fentry/do_nanosleep")
int fentry_entry(u64 *ctx)
{
	number(words(ctx));
	return 0;
}

SEC("fexit/do_nanosleep")
int fexit_entry(u64 *ctx)
{
	number(words(ctx));
	return 0;
}

SEC("fmod_ret/security_file_open")
int fmod_ret_entry(u64 *ctx)
{
	number(words(ctx));
	return 0;
}

SEC("lsm/file_open")
int lsm_entry(u64 *ctx)
{
	number(words(ctx));
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int lsm_cgroup_entry(u64 *ctx)
{
	number(words(ctx));
	return 0;
}

struct bpf_iter__task;

SEC("iter/task")
int iter_entry(struct bpf_iter__task *ctx)
{
	return number(1) & 0;
}

struct sock;
struct tcp_congestion_ops {
	u32 (*ssthresh)(struct sock *sk);
	char name[16];
};

SEC("struct_ops/ssthresh")
int struct_ops_entry(u64 *ctx)
{
	return number(1) + words(ctx);
}

SEC(".struct_ops")
struct tcp_congestion_ops congestion = {
	.ssthresh = (void *)struct_ops_entry,
	.name = "test",
};
