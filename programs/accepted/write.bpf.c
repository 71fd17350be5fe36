/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Writes to what is the program's own: counterparts of programs/rejected/write.bpf.c. */
#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, u32);
	__type(value, u64);
} tasks SEC(".maps");

u64 total;

/* Facts about a kernel object belong into a map. */
SEC("iter/task")
int task_noted(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u64 number = ctx->meta->seq_num;
	u32 key;

	if (!task)
		return 0;
	key = task->pid;
	bpf_map_update_elem(&tasks, &key, &number, BPF_NOEXIST);
	__sync_fetch_and_add(&total, 1);
	return 0;
}

/* The value of a map's element may be changed in place. */
SEC("iter/bpf_map_elem")
int value_changed(struct bpf_iter__bpf_map_elem *ctx)
{
	u64 *value = ctx->value;

	if (value)
		*value = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
