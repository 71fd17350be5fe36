/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Programs that end, with 0 or 1: counterparts of programs/rejected/flow.bpf.c. */
#include "core.h"
#include "kernel.h"

#define MAX_DEPTH 32

static long (*bpf_loop)(u32 passes, void *callback, void *context, u64 flags) = (void *)181;

/* 1 asks for the same object again, here when it did not fit. */
SEC("iter/bpf_map")
int retries(struct bpf_iter__bpf_map *ctx)
{
	return seq_puts(ctx->meta->seq, "map\n") != 0;
}

/* Up to the first task, but not for ever. */
SEC("iter/task")
int walks_some_ancestors(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	int depth;

	if (!task)
		return 0;
	for (depth = 0; depth < MAX_DEPTH && task->pid != 1; depth++)
		task = task->real_parent;
	seq_printf(ctx->meta->seq, "%d\n", depth);
	return 0;
}

static int add(u32 index, u64 *sum)
{
	*sum += index;
	return 0;
}

/* Many passes: the helper's loop is looked at once. */
SEC("iter/bpf_map")
int counts_with_helper(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	u64 sum = 0;

	if (!map)
		return 0;
	bpf_loop(map->max_entries, add, &sum, 0);
	seq_printf(ctx->meta->seq, "%llu\n", sum);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
