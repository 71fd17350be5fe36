/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that trace functions of other programs. */
#include "context.h"

char _license[] SEC("license") = "GPL";

#define TRACE(section, name, body...) \
	SEC(section)                  \
	int name(u64 *ctx)            \
	{                             \
		body;                 \
	}

TRACE("fentry", enter, return 0)
TRACE("fexit", leave, return 0)
TRACE("fmod_ret", modify, return 0)
TRACE("fentry.s", enter_sleeping, return 0)
TRACE("fmod_ret.s", modify_sleeping, return 0)
TRACE("tp_btf/sys_enter", raw, return 0)
TRACE("fentry/scalar", enter_scalar, return ctx[0] & 0)
TRACE("fentry/no_such_function", enter_nothing, return 0)
TRACE("fentry", enter_returns_one, return 1)
TRACE("fentry", enter_argument_0, return ctx[0] & 0)
TRACE("fentry", enter_argument_1, return ctx[1] & 0)
TRACE("fentry", enter_argument_2, return ctx[2] & 0)
TRACE("fentry", enter_argument_5, return ctx[5] & 0)
TRACE("fentry", enter_argument_6, return ctx[6] & 0)
TRACE("fentry", enter_misaligned, return *(u32 *)((void *)ctx + 4) & 0)
TRACE("fentry", enter_half, return *(u32 *)ctx & 0)
TRACE("fexit", leave_argument_0, return ctx[0] & 0)
TRACE("fexit", leave_argument_1, return ctx[1] & 0)
TRACE("fexit", leave_argument_2, return ctx[2] & 0)
TRACE("fexit", leave_argument_5, return ctx[5] & 0)
TRACE("fexit", leave_argument_6, return ctx[6] & 0)
TRACE("fentry", enter_writes, ctx[0] = 0; return 0)
TRACE("fentry", enter_func_arg, u64 value = 0; return get_func_arg(ctx, 0, &value) & 0)
TRACE("fentry", enter_func_ret, u64 value = 0; return get_func_ret(ctx, &value) & 0)
TRACE("fexit", leave_func_ret, u64 value = 0; return get_func_ret(ctx, &value) & 0)
TRACE("fentry", enter_func_ip, return get_func_ip(ctx) & 0)

/* The kernel's own view of the context, if the argument is one. */
struct sk_buff {
	u32 len, mark;
} __core;
struct xdp_rxq_info {
	u32 queue_index;
} __core;
struct xdp_buff {
	void *data;
	struct xdp_rxq_info *rxq;
} __core;

TRACE("fentry", enter_skb, struct sk_buff *skb = (void *)ctx[0]; return skb->len & 0)
TRACE("fentry", enter_skb_write, struct sk_buff *skb = (void *)ctx[0]; skb->mark = 1; return 0)
TRACE("fexit", leave_skb, struct sk_buff *skb = (void *)ctx[0]; return skb->mark & 0)
TRACE("fentry", enter_xdp, struct xdp_buff *xdp = (void *)ctx[0]; return xdp->rxq->queue_index & 0)
TRACE("fentry", enter_number_as_pointer, return *(int *)ctx[0] & 0)

/* Socket storage is not for programs that trace programs. */
struct {
	__uint(type, 24);
	__uint(map_flags, 1);
	__type(key, int);
	__type(value, int);
} storage SEC(".maps");

static void *(*sk_storage_get)(void *map, void *sk, void *value, u64 flags) = (void *)107;

struct sock;
struct sk_buff___sk {
	struct sock *sk;
} __core;

TRACE("fentry", enter_sk_storage, struct sk_buff___sk *skb = (void *)ctx[0];
      return sk_storage_get(&storage, skb->sk, 0, 0) ? 0 : 0)
