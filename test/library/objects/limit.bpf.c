/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A packet filter for the tests of the library: so many packets a second from one IPv4 source. */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name

#define SECOND 1000000000ull
#define IPV4 0x0008 /* in network byte order */

enum { BPF_MAP_TYPE_HASH = 1 };
enum { XDP_ABORTED, XDP_DROP, XDP_PASS };

struct xdp_md {
	u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct packet {
	u8 destination[6], source[6];
	u16 protocol;
	u8 header[12];
	u32 saddr, daddr;
} __attribute__((packed));

struct window {
	u64 start;
	u64 packets;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct window);
} windows SEC(".maps");

const volatile u64 limit = 1000;

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_trace_printk)(const char *format, u32 size, ...) = (void *)6;
extern void bpf_preempt_disable(void) SEC(".ksyms");
extern void bpf_preempt_enable(void) SEC(".ksyms");

SEC("xdp")
int limit_source(struct xdp_md *ctx)
{
	struct packet *packet = (void *)(long)ctx->data;
	u64 now = bpf_ktime_get_ns();
	struct window first = { .start = now, .packets = 1 };
	struct window *window;
	u32 source;

	if ((void *)(packet + 1) > (void *)(long)ctx->data_end || packet->protocol != IPV4)
		return XDP_PASS;
	source = packet->saddr;
	window = bpf_map_lookup_elem(&windows, &source);
	if (!window || now - window->start >= SECOND) {
		/* Without room for it the source is not limited. */
		bpf_map_update_elem(&windows, &source, &first, 0);
		return XDP_PASS;
	}
	if (++window->packets <= limit)
		return XDP_PASS;
	static const char format[] = "limited\n";
	bpf_trace_printk(format, sizeof(format));
	return XDP_DROP;
}

SEC("xdp")
int without_preemption(struct xdp_md *ctx)
{
	bpf_preempt_disable();
	bpf_preempt_enable();
	return XDP_PASS;
}

/* Rejected: the packet may be shorter. */
SEC("xdp")
int unchecked(struct xdp_md *ctx)
{
	struct packet *packet = (void *)(long)ctx->data;

	return packet->protocol == IPV4 ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
