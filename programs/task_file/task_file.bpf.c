/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every open file of every process, with the path that /proc/PID/fd would show. */
#include "kernel.h"

SEC("iter/task_file")
int dump_task_file(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct seq_file *seq = ctx->meta->seq;
	char path[256] = {};

	if (!task || !file) {
		seq_puts(seq, "# end\n");
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		seq_puts(seq, "#  tgid     fd file\n");
	bpf_d_path(&file->f_path, path, sizeof(path));
	seq_printf(seq, "%7d %6u %s\n", task->tgid, ctx->fd, ptr_value(path));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
