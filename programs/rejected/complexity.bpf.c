/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Loops that the verifier has to follow pass by pass until it has had enough, after a million instructions. How
 * to do it: programs/accepted/flow.bpf.c.
 */
#include "core.h"
#include "kernel.h"

/* A limit that the kernel tells, and no other. */
SEC("iter/bpf_map")
int counts_entries(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	u64 sum = 0;
	u32 i;

	if (!map)
		return 0;
	for (i = 0; i < map->max_entries; i++) {
		sum += i;
		barrier_var(sum);
	}
	seq_printf(ctx->meta->seq, "%llu\n", sum);
	return 0;
}

/* A limit that is one, but too high: every pass is looked at. */
SEC("iter/task")
int counts_too_far(struct bpf_iter__task *ctx)
{
	u64 sum = 0;
	u32 i;

	for (i = 0; i < 1000000; i++) {
		sum += i;
		barrier_var(sum);
	}
	seq_printf(ctx->meta->seq, "%llu\n", sum);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
