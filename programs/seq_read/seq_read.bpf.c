/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * An iterator over the elements of an array map that does what its settings say, to drive reading an
 * iterator file through every case: how much an element and the closing call emit, and when to ask for a
 * retry. It counts its runs, so that a reader sees which elements were shown again.
 */
#include "kernel.h"

#define PAYLOAD_SIZE 40000
#define LOG_SIZE 64

/* What to do; all sizes in bytes. */
struct {
	u32 element_bytes;
	u32 closing_bytes;
	/* The element with this key returns 1 (retry), and the closing call for retry_key == ~0. */
	u32 retry_key;
	/* So many times, then 0 as all others. */
	u32 retries;
} settings SEC(".data") = { .element_bytes = 8, .closing_bytes = 0, .retry_key = 0, .retries = 0 };

/* What happened. */
struct {
	u32 runs;
	u32 closing_runs;
	/* Runs of which the history has a line. */
	u32 logged;
	u32 padding;
	/* ~0 as the closing call's key. */
	struct {
		u64 seq_num;
		u64 key;
	} history[LOG_SIZE];
} seen;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} elements SEC(".maps");

struct payload {
	u8 bytes[PAYLOAD_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct payload);
} payloads SEC(".maps");

SEC("iter/bpf_map_elem")
int emit_elements(struct bpf_iter__bpf_map_elem *ctx)
{
	const u32 *key = ctx->key;
	u32 number = key ? *key : ~0U;
	checked_size size = settled(key ? settings.element_bytes : settings.closing_bytes);
	u32 slot = seen.logged;
	u32 zero = 0;
	struct payload *payload;

	seen.runs++;
	if (!key)
		seen.closing_runs++;
	if (slot < LOG_SIZE) {
		seen.history[slot].seq_num = ctx->meta->seq_num;
		seen.history[slot].key = key ? *key : ~0ULL;
		seen.logged = slot + 1;
	}

	payload = bpf_map_lookup_elem(&payloads, &zero);
	if (payload && size <= PAYLOAD_SIZE)
		bpf_seq_write(ctx->meta->seq, payload, size);

	if (number == settings.retry_key && settings.retries > 0) {
		settings.retries--;
		return 1;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
