/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Numbers that are addresses, read through helpers: counterparts of programs/rejected/pointer.bpf.c. */
#include "core.h"
#include "kernel.h"

/* What an untyped pointer leads to is copied; the copy fails where there is nothing. */
SEC("iter/task_file")
int untyped_copied(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	struct io_ring_ctx *ring;
	u32 flags = 0;

	if (!file)
		return 0;
	ring = file->private_data;
	bpf_probe_read_kernel(&flags, sizeof(flags), __builtin_preserve_access_index(&ring->flags));
	seq_printf(ctx->meta->seq, "%u\n", flags);
	return 0;
}

/* A pointer as a key: compared and printed, never followed. */
SEC("iter/task_vma")
int pointer_printed(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;

	if (!vma)
		return 0;
	seq_printf(ctx->meta->seq, "%llx\n", ptr_value(vma->vm_file));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
