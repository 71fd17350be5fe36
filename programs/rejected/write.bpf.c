/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Writes to what iterators may only read: kernel objects, the context, keys, constants. How to do it:
 * programs/accepted/write.bpf.c.
 */
#include "core.h"
#include "kernel.h"

const volatile u64 limit = 100;

/* A kernel object is not to be changed. */
SEC("iter/task")
int task_renumbered(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		task->tgid = 1;
	return 0;
}

/* Nor are the objects it leads to. */
SEC("iter/task_vma")
int file_flags_changed(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;

	if (vma && vma->vm_file)
		vma->vm_file->f_flags = 0;
	return 0;
}

/* The kernel counts the objects itself. */
SEC("iter/task_file")
int number_reset(struct bpf_iter__task_file *ctx)
{
	ctx->meta->seq_num = 0;
	return 0;
}

/* The context is the kernel's, too. */
SEC("iter/task")
int context_overwritten(struct bpf_iter__task *ctx)
{
	ctx->task = NULL;
	return 0;
}

/* An atomic counter in a kernel object. */
SEC("iter/task")
int task_flag_counted(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		__sync_fetch_and_add(&task->tgid, 1);
	return 0;
}

/* An atomic counter in the context. */
SEC("iter/task_file")
int context_counted(struct bpf_iter__task_file *ctx)
{
	__sync_fetch_and_add((u64 *)&ctx->fd, 1);
	return 0;
}

/* Values may be changed in place, keys may not. */
SEC("iter/bpf_map_elem")
int key_changed(struct bpf_iter__bpf_map_elem *ctx)
{
	u32 *key = ctx->key;

	if (key)
		*key = 0;
	return 0;
}

/* A constant: the loader has frozen it. */
SEC("iter/task")
int constant_changed(struct bpf_iter__task *ctx)
{
	*(volatile u64 *)&limit = ctx->meta->seq_num;
	return 0;
}

/* A helper writes through the pointer it is given. */
SEC("iter/task")
int constant_as_buffer(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		bpf_probe_read_kernel((void *)&limit, sizeof(limit), &task->comm);
	return 0;
}

/* A kernel object as the buffer of a helper. */
SEC("iter/task_file")
int file_as_buffer(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;

	if (file)
		bpf_d_path(&file->f_path, (char *)file, 16);
	return 0;
}

/* A key as the buffer of a helper. */
SEC("iter/bpf_map_elem")
int key_as_buffer(struct bpf_iter__bpf_map_elem *ctx)
{
	void *key = ctx->key;

	if (key)
		bpf_probe_read_kernel(key, 4, &ctx->map->id);
	return 0;
}

/* A kernel address that was read out of an object is a number, nothing more. */
SEC("iter/task_file")
int untyped_written(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;

	if (file)
		*(u64 *)file->private_data = 0;
	return 0;
}

/* A field of a map that only the kernel sets. */
SEC("iter/bpf_map")
int map_resized(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map)
		map->max_entries = 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
