/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every task: its number, process, parent, owner and name. */
#include "kernel.h"

SEC("iter/task")
int dump_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct seq_file *seq = ctx->meta->seq;

	if (!task) {
		seq_puts(seq, "# end\n");
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		seq_puts(seq, "#   tid    tgid    ppid     uid comm\n");
	seq_printf(seq, "%7d %7d %7d %7d %s\n", task->pid, task->tgid, task->real_parent->tgid,
		   task->cred->uid.val, ptr_value(&task->comm));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
