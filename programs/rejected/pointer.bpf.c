/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Calculating with pointers, and believing that a number is one. How to do it: programs/accepted/pointer.bpf.c.
 */
#include "core.h"
#include "kernel.h"

/* Flags that the kernel keeps in the low bits of a pointer, cut off where the pointer has a type. */
SEC("iter/task_file")
int tag_cut_off(struct bpf_iter__task_file *ctx)
{
	u64 file = (u64)ctx->file;

	if (!file)
		return 0;
	file &= ~3ULL;
	barrier_var(file);
	seq_printf(ctx->meta->seq, "%u\n", ((struct file *)file)->f_flags);
	return 0;
}

/* A pointer as part of a hash. */
SEC("iter/task_vma")
int pointer_hashed(struct bpf_iter__task_vma *ctx)
{
	u64 vma = (u64)ctx->vma;

	if (!vma)
		return 0;
	barrier_var(vma);
	seq_printf(ctx->meta->seq, "%llx\n", vma >> 6);
	return 0;
}

/* private_data has no type, so nothing can be read through it. */
SEC("iter/task_file")
int untyped_followed(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct io_ring_ctx *ring;

	if (!file)
		return 0;
	ring = file->private_data;
	seq_printf(ctx->meta->seq, "%u\n", ring->flags);
	return 0;
}

/* A user's address is a number, too. */
SEC("iter/task_vma")
int user_memory_followed(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;

	if (!vma)
		return 0;
	seq_printf(ctx->meta->seq, "%llx\n", *(u64 *)vma->vm_start);
	return 0;
}

/* A pointer that was kept as a number in a map comes back as a number. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u64);
} kept SEC(".maps");

SEC("iter/task")
int pointer_kept(struct bpf_iter__task *ctx)
{
	u32 key = 0;
	u64 *value = bpf_map_lookup_elem(&kept, &key);

	if (!value)
		return 0;
	seq_printf(ctx->meta->seq, "%d\n", ((struct task_struct *)*value)->pid);
	return 0;
}

/* A table of the context's pointers, indexed. */
SEC("iter/task_file")
int context_indexed(struct bpf_iter__task_file *ctx)
{
	u64 index = ctx->fd & 3;
	u64 slot = (u64)ctx + 8 * index;

	barrier_var(slot);
	seq_printf(ctx->meta->seq, "%llx\n", *(u64 *)slot);
	return 0;
}

/* The address of a map is not that of its elements. */
SEC("iter/task")
int map_dereferenced(struct bpf_iter__task *ctx)
{
	*(volatile u64 *)&kept = ctx->meta->seq_num;
	return 0;
}

/* A struct taken for another: the verifier knows what the kernel put there. */
SEC("iter/task_vma")
int wrong_struct(struct bpf_iter__task_vma *ctx)
{
	struct file *file = (struct file *)ctx->vma;
	char path[64] = {};

	if (!file)
		return 0;
	bpf_d_path(&file->f_path, path, sizeof(path));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
