/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The rings that each task has registered by index (IORING_REGISTER_RING_FDS), which no descriptor table shows. */
#include "core.h"
#include "kernel.h"

#define RINGS 16

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct io_uring_task___rings {
	struct file *registered_rings[RINGS]; /* since 5.18 */
};

struct task_struct___rings {
	struct io_uring_task___rings *io_uring;
};

#pragma clang attribute pop

SEC("iter/task")
int dump_ring_fds(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct io_uring_task___rings *context;
	struct file *file;
	u32 i;

	if (!task)
		return 0;
	context = ((struct task_struct___rings *)task)->io_uring;
	if (!context || !core_field_exists(context->registered_rings))
		return 0;
	for (i = 0; i < RINGS; i++) {
		file = NULL;
		bpf_probe_read_kernel(&file, sizeof(file), (void *)&context->registered_rings + i * sizeof(file));
		if (file)
			seq_printf(ctx->meta->seq, "%u ring %u file 0x%llx\n", (u64)task->pid, (u64)i,
				   ptr_value(file));
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
