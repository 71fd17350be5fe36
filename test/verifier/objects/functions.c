/* SPDX-License-Identifier: GPL-2.0 */
/* Programs with functions of every kind that something may be attached to, or not. */
#include "context.h"

char _license[] SEC("license") = "GPL";

enum color { RED, GREEN };
struct pair { u64 a, b; };
struct small { u32 a; };
union either { u64 number; void *pointer; };

const volatile int off = 0;

/* Global functions. */

__noinline int scalar(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

__noinline u64 wide(u64 a, u64 b)
{
	asm volatile("" : "+r"(a), "+r"(b));
	return a + b;
}

__noinline int five(int a, int b, int c, int d, int e)
{
	asm volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
	return a + b + c + d + e;
}

__noinline enum color pick(enum color a)
{
	asm volatile("" : "+r"(a));
	return a;
}

__noinline int skb_len(struct __sk_buff *skb)
{
	return skb->len;
}

__noinline int skb_tagged(void *skb __arg_ctx)
{
	asm volatile("" : "+r"(skb));
	return 0;
}

__noinline int pull(struct __sk_buff *skb)
{
	return skb_pull_data(skb, 0);
}

__noinline int through_memory(struct pair *pair __arg_nonnull)
{
	return pair->a == 7;
}

__noinline int through_int(int *value)
{
	return value ? *value : 0;
}

__noinline int no_arguments(void)
{
	return get_prandom_u32();
}

__noinline int never_reached(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

/* Static functions: what callers hand them is what their BTF says, or is not. */

static __noinline int static_scalar(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

static __noinline int static_skb(struct __sk_buff *skb, int a)
{
	asm volatile("" : "+r"(a));
	return skb->mark + a;
}

static __noinline int static_stack(int *value)
{
	return *value;
}

static __noinline void static_void(int a)
{
	asm volatile("" : : "r"(a));
}

static __noinline void *static_pointer(struct __sk_buff *skb)
{
	asm volatile("" : "+r"(skb));
	return skb;
}

static __noinline int static_struct(struct pair pair)
{
	asm volatile("" : "+r"(pair.a), "+r"(pair.b));
	return pair.a + pair.b;
}

static __noinline int static_small(struct small small)
{
	asm volatile("" : "+r"(small.a));
	return small.a;
}

static __noinline int static_union(union either either)
{
	asm volatile("" : "+r"(either.number));
	return either.number;
}

static __noinline int static_dead(int *value)
{
	return *value;
}

SEC("tc")
int tc_main(struct __sk_buff *skb)
{
	struct pair pair = { 1, skb->len };
	struct small small = { skb->mark };
	union either either = { .number = skb->mark };
	int value = skb->len;
	int sum = scalar(1) + wide(1, 2) + five(1, 2, 3, 4, 5) + pick(GREEN) + skb_len(skb) + skb_tagged(skb);

	sum += pull(skb) + through_memory(&pair) + through_int(&value) + no_arguments();
	if (off)
		sum += never_reached(1) + static_dead(&value);
	sum += static_scalar(skb->len) + static_skb(skb, skb->len) + static_stack(&value) + static_struct(pair);
	sum += static_small(small) + static_union(either);
	static_void(sum);
	return static_pointer(skb) ? sum : 0;
}

SEC("xdp")
int xdp_main(struct xdp_md *xdp)
{
	return scalar(xdp->rx_queue_index);
}

SEC("xdp")
int xdp_quiet(struct xdp_md *xdp)
{
	return xdp->rx_queue_index;
}

/* The BTF of its entry does not fit its type. */
SEC("xdp")
int xdp_unlikely(struct __sk_buff *skb)
{
	return scalar(2);
}

SEC("xdp")
int xdp_two(struct xdp_md *xdp, int other)
{
	return scalar(2);
}

/* Exceptions. */

void bpf_throw(u64 cookie) __ksym;

__noinline int from_callback(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

__noinline int callback(u64 cookie)
{
	return from_callback(cookie);
}

SEC("tc")
__exception_cb(callback) int tc_throws(struct __sk_buff *skb)
{
	if (skb->len == 1)
		bpf_throw(1);
	return scalar(3);
}

/* The kernel's notes on functions are by place, and stay where they are when dead code goes. */

static __noinline int gap_dead(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

static __noinline int gap_unreliable(int *value)
{
	return *value;
}

static __noinline int gap_reliable(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

__noinline int gap_global(int a)
{
	asm volatile("" : "+r"(a));
	return a;
}

SEC("tc")
int tc_gap(struct __sk_buff *skb)
{
	int value = skb->len;

	if (off)
		value += gap_dead(1);
	value += gap_unreliable(&value);
	value += gap_reliable(2);
	return value + gap_global(3);
}
