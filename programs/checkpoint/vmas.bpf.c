/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every mapping, and the file behind it, which may have no descriptor any more. */
#include "describe.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct vm_area_struct___full {
	struct mm_struct *vm_mm;
};

#pragma clang attribute pop

record_map(vma_room, struct record_vma);

SEC("iter/task_vma")
int dump_vmas(struct bpf_iter__task_vma *ctx)
{
	struct record_vma *record = only_value(&vma_room);
	struct vm_area_struct *vma = ctx->vma;
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct file *file;

	if (!task || !vma || !record)
		return 0;
	file = vma->vm_file;
	record_begin(record, vma);
	record->tid = task->pid;
	record->tgid = task->tgid;
	record->mm = (u64)((struct vm_area_struct___full *)vma)->vm_mm;
	record->start = vma->vm_start;
	record->end = vma->vm_end;
	record->flags = vma->vm_flags;
	record->offset = vma->vm_pgoff;
	record->file = (u64)file;
	record_end(seq, record);
	if (file)
		write_file(seq, file);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
