/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that replace functions. Their sections name what they replace; some are given another function. */
#include "context.h"

char _license[] SEC("license") = "GPL";

enum color { RED, GREEN };
enum other { BLUE };
struct pair { u64 a, b; };
struct other_pair { u64 a, b; };

#define REPLACE(name, type, arguments, body...) \
	SEC("freplace")                         \
	type name arguments                     \
	{                                       \
		body;                           \
	}

/* Prototypes. */
REPLACE(int_int, int, (int a), return a + 1)
REPLACE(u32_u32, u32, (u32 a), return a)
REPLACE(int_long, int, (u64 a), return a)
REPLACE(int_char, int, (char a), return a)
REPLACE(u64_int, u64, (int a), return a)
REPLACE(enum_int, enum color, (int a), return RED)
REPLACE(void_int, void, (int a), asm volatile("r0 = 0" ::: "r0"))
REPLACE(pointer_int, void *, (int a), return 0)
REPLACE(int_none, int, (void), return 0)
REPLACE(int_two, int, (int a, int b), return a + b)
REPLACE(int_five, int, (int a, int b, int c, int d, int e), return a + e)
REPLACE(wide_two, u64, (u64 a, u64 b), return a * b)
REPLACE(enum_enum, enum color, (enum color a), return a)
REPLACE(other_enum, enum other, (enum other a), return a)
REPLACE(int_enum, int, (enum color a), return a)
REPLACE(int_pointer, int, (int *a), return a ? *a : 0)
REPLACE(int_void_pointer, int, (void *a), return 0)
REPLACE(int_pair, int, (struct pair *a), return a ? a->b : 0)
REPLACE(int_pair_nonnull, int, (struct pair *a __arg_nonnull), return a->b)
REPLACE(int_pair_careless, int, (struct pair *a), return a->b)
REPLACE(int_other_pair, int, (struct other_pair *a), return 0)
REPLACE(int_struct, int, (struct pair a), return a.a)

/* Contexts and what their types may do. */
REPLACE(skb_reads, int, (struct __sk_buff *ctx), return ctx->len + ctx->mark)
REPLACE(skb_writes_mark, int, (struct __sk_buff *ctx), ctx->mark = 1; return 0)
REPLACE(skb_reads_classid, int, (struct __sk_buff *ctx), return ctx->tc_classid)
REPLACE(skb_writes_len, int, (struct __sk_buff *ctx), ctx->len = 1; return 0)
REPLACE(skb_writes_classid, int, (struct __sk_buff *ctx), ctx->tc_classid = 1; return 0)
REPLACE(skb_beyond, int, (struct __sk_buff *ctx), return ((u32 *)ctx)[1000])
REPLACE(skb_packet, int, (struct __sk_buff *ctx),
	u8 *data = (void *)(u64)ctx->data;
	u8 *end = (void *)(u64)ctx->data_end;
	return data + 4 <= end ? data[3] : 0)
REPLACE(skb_packet_write, int, (struct __sk_buff *ctx),
	u8 *data = (void *)(u64)ctx->data;
	u8 *end = (void *)(u64)ctx->data_end;
	if (data + 4 <= end)
		data[3] = 1;
	return 0)
REPLACE(skb_unchecked, int, (struct __sk_buff *ctx), return *(u8 *)(u64)ctx->data)
REPLACE(skb_pulls, int, (struct __sk_buff *ctx), return skb_pull_data(ctx, 10))
REPLACE(skb_redirects, int, (struct __sk_buff *ctx), return redirect(1, 0))
REPLACE(skb_returns_two, int, (struct __sk_buff *ctx), return 2)
REPLACE(skb_returns_anything, int, (struct __sk_buff *ctx), return get_prandom_u32())
REPLACE(xdp_reads, int, (struct xdp_md *ctx), return ctx->rx_queue_index)
REPLACE(xdp_reads_egress, int, (struct xdp_md *ctx), return ctx->egress_ifindex)
REPLACE(xdp_writes, int, (struct xdp_md *ctx), ctx->rx_queue_index = 1; return 0)
REPLACE(xdp_adjusts, int, (struct xdp_md *ctx), return xdp_adjust_head(ctx, 4))
REPLACE(xdp_two_arguments, int, (struct xdp_md *ctx, int other), return other)
REPLACE(kprobe_reads, int, (struct pt_regs *ctx), return ctx->words[3])
REPLACE(kprobe_writes, int, (struct pt_regs *ctx), ctx->words[3] = 0; return 0)
REPLACE(kprobe_func_ip, int, (struct pt_regs *ctx), return get_func_ip(ctx))
REPLACE(raw_tp_reads, int, (struct bpf_raw_tracepoint_args *ctx), return ctx->args[0] & 0)
REPLACE(raw_tp_returns_one, int, (struct bpf_raw_tracepoint_args *ctx), return 1)
REPLACE(addr_reads, int, (struct bpf_sock_addr *ctx), return ctx->user_ip4 & 1)
REPLACE(addr_reads_ip6, int, (struct bpf_sock_addr *ctx), return ctx->user_ip6[0] & 1)
REPLACE(addr_writes, int, (struct bpf_sock_addr *ctx), ctx->user_ip4 = 1; return 1)
REPLACE(addr_returns_two, int, (struct bpf_sock_addr *ctx), return 2)
REPLACE(addr_returns_zero, int, (struct bpf_sock_addr *ctx), return 0)
REPLACE(sockopt_reads, int, (struct bpf_sockopt *ctx), return ctx->optlen & 1)
REPLACE(sockopt_writes_level, int, (struct bpf_sockopt *ctx), ctx->level = 1; return 1)
REPLACE(sockopt_writes_retval, int, (struct bpf_sockopt *ctx), ctx->retval = 0; return 1)
REPLACE(lookup_reads, int, (struct bpf_sk_lookup *ctx), return ctx->family & 1)
REPLACE(perf_reads, int, (struct bpf_perf_event_data *ctx), return ctx->sample_period)
REPLACE(perf_writes, int, (struct bpf_perf_event_data *ctx), ctx->addr = 1; return 0)
REPLACE(words_reads, int, (u64 *ctx __arg_ctx), return ctx[0] != 0)
REPLACE(words_reads_second, int, (u64 *ctx __arg_ctx), return ctx[1] != 0)
REPLACE(words_reads_third, int, (u64 *ctx __arg_ctx), return ctx[2] != 0)
REPLACE(words_misaligned, int, (u64 *ctx __arg_ctx), return *(u32 *)((void *)ctx + 4) != 0)
REPLACE(words_func_ip, int, (u64 *ctx __arg_ctx), return get_func_ip(ctx) != 0)
REPLACE(words_func_arg, int, (u64 *ctx __arg_ctx), u64 value = 0; get_func_arg(ctx, 0, &value); return value != 0)
REPLACE(words_func_ret, int, (u64 *ctx __arg_ctx), u64 value = 0; get_func_ret(ctx, &value); return value != 0)

/* Helpers that not all types have. */
REPLACE(int_time, int, (int a), return ktime_get_ns())
REPLACE(int_pid, int, (int a), return get_current_pid_tgid())
REPLACE(int_probes, int, (int a), u64 value = 0; probe_read_kernel(&value, 8, (void *)(u64)a); return value)
REPLACE(int_redirects, int, (int a), return redirect(a, 0))
REPLACE(int_two_more, int, (int a), return 2)
REPLACE(int_zero, int, (int a), return 0)

/* Functions of their own. */
__noinline int own_global(struct __sk_buff *skb)
{
	return skb->len;
}

static __noinline int own_static(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

SEC("freplace")
int skb_calls(struct __sk_buff *ctx)
{
	return own_global(ctx) + own_static(ctx->mark);
}

SEC("freplace/scalar")
int by_name(int a)
{
	return a - 1;
}

SEC("freplace/no_such_function")
int by_wrong_name(int a)
{
	return a;
}

/* Locks in maps are closed to tracing programs, but whether one is replaced is not known yet when that is asked. */
struct bpf_spin_lock {
	u32 value;
};
struct locked {
	struct bpf_spin_lock lock;
	u32 count;
};
struct {
	__uint(type, 2);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct locked);
} locks SEC(".maps");

static void *(*map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;

SEC("freplace")
int kprobe_locks(struct pt_regs *ctx)
{
	u32 key = 0;
	struct locked *locked = map_lookup_elem(&locks, &key);

	if (!locked)
		return 0;
	spin_lock(&locked->lock);
	locked->count++;
	spin_unlock(&locked->lock);
	return 0;
}
