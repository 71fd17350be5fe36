/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Pointers that may be NULL, checked before use: counterparts of programs/rejected/null.bpf.c. */
#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

SEC("iter/task")
int task_checked(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	seq_printf(ctx->meta->seq, "%d\n", task->pid);
	return 0;
}

SEC("iter/task_file")
int path_of_checked_file(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	char path[256] = {};

	if (!file)
		return 0;
	bpf_d_path(&file->f_path, path, sizeof(path));
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(path));
	return 0;
}

SEC("iter/task_vma")
int checked_with_or(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;

	if (!task || !vma)
		return 0;
	seq_printf(ctx->meta->seq, "%llx\n", vma->vm_start);
	return 0;
}

SEC("iter/bpf_map_elem")
int both_checked(struct bpf_iter__bpf_map_elem *ctx)
{
	const u32 *key = ctx->key;
	const u64 *value = ctx->value;

	if (!key || !value)
		return 0;
	seq_printf(ctx->meta->seq, "%u: 0x%llx\n", *key, *value);
	return 0;
}

SEC("iter/task")
int lookup_checked(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u64 *count;
	u32 key;

	if (!task)
		return 0;
	key = task->tgid;
	count = bpf_map_lookup_elem(&counts, &key);
	if (count)
		*count += 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
