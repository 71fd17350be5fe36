/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Accesses within what is there: counterparts of programs/rejected/bounds.bpf.c. */
#include "core.h"
#include "kernel.h"

#define NAME_SIZE 16

struct record {
	u32 count;
	char name[NAME_SIZE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct record);
} records SEC(".maps");

/* A variable index below the buffer's size. */
SEC("iter/task_file")
int stack_index(struct bpf_iter__task_file *ctx)
{
	char marks[64] = {};
	char *at = marks;
	u32 fd = ctx->fd;

	if (fd >= sizeof(marks))
		return 0;
	barrier_var(at);
	at[fd] = 'x';
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(marks));
	return 0;
}

static __attribute__((noinline)) int print_path(struct seq_file *seq, struct file *file)
{
	char path[128] = {};

	bpf_d_path(&file->f_path, path, sizeof(path));
	return seq_printf(seq, "%s\n", ptr_value(path));
}

/* Two functions that fit the stack together. */
SEC("iter/task_file")
int stack_of_two_functions(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	char path[256] = {};

	if (!file)
		return 0;
	bpf_d_path(&file->f_path, path, sizeof(path));
	seq_printf(ctx->meta->seq, "%s ", ptr_value(path));
	print_path(ctx->meta->seq, file);
	return 0;
}

/* A kernel array at a variable index: copied first. */
SEC("iter/task")
int struct_copied(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 index = ctx->meta->seq_num & (NAME_SIZE - 1);
	char comm[NAME_SIZE] = {};

	if (!task)
		return 0;
	bpf_probe_read_kernel(comm, sizeof(comm), &task->comm);
	seq_printf(ctx->meta->seq, "%c\n", comm[index]);
	return 0;
}

/* An index that a mask keeps inside. */
SEC("iter/task_file")
int map_value_index(struct bpf_iter__task_file *ctx)
{
	u32 zero = 0, fd = ctx->fd;
	struct record *record = bpf_map_lookup_elem(&records, &zero);

	if (!record)
		return 0;
	record->name[fd & (NAME_SIZE - 1)] = 'x';
	return 0;
}

/* A length with a limit on both sides. */
SEC("iter/bpf_map_elem")
int length_bounded(struct bpf_iter__bpf_map_elem *ctx)
{
	u32 zero = 0, length = ctx->map->value_size;
	struct record *record = bpf_map_lookup_elem(&records, &zero);

	if (!record || length > sizeof(*record))
		return 0;
	bpf_seq_write(ctx->meta->seq, record, length);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
