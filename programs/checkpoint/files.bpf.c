/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every open descriptor, and the file behind it. */
#include "describe.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct fdtable___full {
	unsigned long *close_on_exec;
};

struct files_struct___full {
	struct fdtable___full *fdt;
};

struct task_struct___files {
	struct files_struct___full *files;
};

#pragma clang attribute pop

record_map(fd_room, struct record_fd);

#define BITS_PER_WORD 64

static __inline u32 closes_on_exec(struct files_struct___full *files, u32 fd)
{
	unsigned long *words = files->fdt->close_on_exec;
	u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), words + fd / BITS_PER_WORD);
	return word >> (fd % BITS_PER_WORD) & 1;
}

SEC("iter/task_file")
int dump_files(struct bpf_iter__task_file *ctx)
{
	struct record_fd *record = only_value(&fd_room);
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;
	struct files_struct___full *files;
	struct file *file = ctx->file;

	if (!task || !file || !record)
		return 0;
	files = ((struct task_struct___files *)task)->files;
	record_begin(record, fd);
	record->tid = task->pid;
	record->tgid = task->tgid;
	record->fd = ctx->fd;
	record->close_on_exec = closes_on_exec(files, ctx->fd);
	record->files = (u64)files;
	record->file = (u64)file;
	record_end(seq, record);
	write_file(seq, file);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
