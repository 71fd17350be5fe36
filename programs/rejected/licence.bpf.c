/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel keeps for programs under the GPL. The licence that counts is the one at the end. */
#include "kernel.h"

/* The seq_file helpers are for GPL-compatible programs. */
SEC("iter/task")
int helper_under_gpl(struct bpf_iter__task *ctx)
{
	seq_puts(ctx->meta->seq, "task\n");
	return 0;
}

/* So are the members of kernel structs. */
SEC("iter/task")
int struct_under_gpl(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	return task->pid == 1;
}

char LICENSE[] SEC("license") = "Proprietary";
