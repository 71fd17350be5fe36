/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every mapping of every process, as /proc/PID/maps shows it. */
#include "kernel.h"

#define VM_READ 0x1
#define VM_WRITE 0x2
#define VM_EXEC 0x4
#define VM_SHARED 0x8
#define PAGE_SHIFT 12

SEC("iter/task_vma")
int dump_task_vma(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;
	struct seq_file *seq = ctx->meta->seq;
	char rights[5] = { '-', '-', '-', 'p' };
	char path[256] = {};
	struct file *file;
	u64 flags;

	if (!task || !vma) {
		seq_puts(seq, "# end\n");
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		seq_puts(seq, "#  tgid range perms offset inode file\n");
	flags = vma->vm_flags;
	if (flags & VM_READ)
		rights[0] = 'r';
	if (flags & VM_WRITE)
		rights[1] = 'w';
	if (flags & VM_EXEC)
		rights[2] = 'x';
	if (flags & VM_SHARED)
		rights[3] = 's';
	seq_printf(seq, "%7d %08llx-%08llx %s ", task->tgid, vma->vm_start, vma->vm_end, ptr_value(rights));

	file = vma->vm_file;
	if (!file) {
		seq_puts(seq, "00000000 0\n");
		return 0;
	}
	bpf_d_path(&file->f_path, path, sizeof(path));
	seq_printf(seq, "%08llx %llu %s\n", (u64)vma->vm_pgoff << PAGE_SHIFT, file->f_inode->i_ino, ptr_value(path));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
