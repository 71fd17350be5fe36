/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Pointers that may be NULL, used unchecked. Every iterator's last call has no object, and a lookup may find
 * nothing. How to do it: programs/accepted/null.bpf.c.
 */
#include "core.h"
#include "kernel.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

/* The closing call has no task. */
SEC("iter/task")
int task_unchecked(struct bpf_iter__task *ctx)
{
	seq_printf(ctx->meta->seq, "%d\n", ctx->task->pid);
	return 0;
}

/* The task is checked, the file is not. */
SEC("iter/task_file")
int file_unchecked(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	seq_printf(ctx->meta->seq, "%d %u\n", task->tgid, ctx->file->f_flags);
	return 0;
}

/* The address of a member of NULL is no better than NULL. */
SEC("iter/task_file")
int path_of_unchecked_file(struct bpf_iter__task_file *ctx)
{
	char path[256] = {};

	bpf_d_path(&ctx->file->f_path, path, sizeof(path));
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(path));
	return 0;
}

/* && where || is meant. The compiler asks about both at once, and pointers cannot be combined. */
SEC("iter/task_vma")
int checked_with_and(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;

	if (!task && !vma)
		return 0;
	seq_printf(ctx->meta->seq, "%llx\n", vma->vm_start);
	return 0;
}

/* Without a task there is no mapping, but with a task there need not be one either. */
SEC("iter/task_vma")
int vma_checked_without_task_only(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;

	if (!task) {
		barrier_var(vma);
		if (!vma)
			return 0;
	}
	seq_printf(ctx->meta->seq, "%llx\n", vma->vm_start);
	return 0;
}

/* The check is the wrong way round. */
SEC("iter/bpf_map")
int check_inverted(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map)
		return 0;
	barrier_var(map);
	seq_printf(ctx->meta->seq, "%u\n", map->id);
	return 0;
}

/* The key is checked, the value is not. */
SEC("iter/bpf_map_elem")
int value_unchecked(struct bpf_iter__bpf_map_elem *ctx)
{
	const u32 *key = ctx->key;
	const u64 *value = ctx->value;

	if (!key)
		return 0;
	seq_printf(ctx->meta->seq, "%u: 0x%llx\n", *key, *value);
	return 0;
}

/* The value is checked, the key is not. */
SEC("iter/bpf_map_elem")
int key_unchecked(struct bpf_iter__bpf_map_elem *ctx)
{
	const u32 *key = ctx->key;
	const u64 *value = ctx->value;

	if (!value)
		return 0;
	seq_printf(ctx->meta->seq, "%u: 0x%llx\n", *key, *value);
	return 0;
}

/* Nothing may be found. */
SEC("iter/task")
int lookup_unchecked(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u64 *count;
	u32 key;

	if (!task)
		return 0;
	key = task->tgid;
	count = bpf_map_lookup_elem(&counts, &key);
	*count += 1;
	return 0;
}

/* A helper is no check: it wants memory, not perhaps memory. */
SEC("iter/task")
int lookup_written(struct bpf_iter__task *ctx)
{
	u32 key = ctx->meta->seq_num;
	u64 *count = bpf_map_lookup_elem(&counts, &key);

	bpf_seq_write(ctx->meta->seq, count, sizeof(*count));
	return 0;
}

/* Two lookups, of which only the first is checked. */
SEC("iter/task")
int second_lookup_unchecked(struct bpf_iter__task *ctx)
{
	u32 key = 1, other = 2;
	u64 *first = bpf_map_lookup_elem(&counts, &key);
	u64 *second;

	if (!first)
		return 0;
	second = bpf_map_lookup_elem(&counts, &other);
	*second = *first;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
