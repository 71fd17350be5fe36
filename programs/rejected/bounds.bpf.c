/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Accesses outside of what is there: the stack, the context, kernel structs, map values, buffers. How to do it:
 * programs/accepted/bounds.bpf.c.
 */
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

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__type(value, u64);
} seen SEC(".maps");

static long (*bpf_get_current_comm)(void *buffer, u32 size) = (void *)16;

/* The terminating NUL is put behind the buffer. */
SEC("iter/task_file")
int stack_past_end(struct bpf_iter__task_file *ctx)
{
	char path[64] = {};
	char *end = path;

	barrier_var(end);
	end[sizeof(path)] = 0;
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(path));
	return 0;
}

/* The buffer is taken for larger than the whole stack. */
SEC("iter/task_file")
int stack_before_start(struct bpf_iter__task_file *ctx)
{
	char path[64] = {};
	char *start = path;

	barrier_var(start);
	start[-512] = '/';
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(path));
	return 0;
}

/* A descriptor as an index, without a limit. */
SEC("iter/task_file")
int stack_index_unbounded(struct bpf_iter__task_file *ctx)
{
	char marks[64] = {};
	char *at = marks;
	u32 fd = ctx->fd;

	barrier_var(at);
	at[fd] = 'x';
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(marks));
	return 0;
}

/* <= where < is meant. */
SEC("iter/task_file")
int stack_index_off_by_one(struct bpf_iter__task_file *ctx)
{
	char marks[64] = {};
	char *at = marks;
	u32 fd = ctx->fd;

	if (fd > sizeof(marks))
		return 0;
	barrier_var(at);
	at[fd] = 'x';
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(marks));
	return 0;
}

/* d_path is told of more room than the buffer has. */
SEC("iter/task_file")
int helper_past_stack(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	char path[64] = {};

	if (!file)
		return 0;
	bpf_d_path(&file->f_path, path, 256);
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(path));
	return 0;
}

static __attribute__((noinline)) int print_path(struct seq_file *seq, struct file *file)
{
	char path[256] = {};

	bpf_d_path(&file->f_path, path, sizeof(path));
	return seq_printf(seq, "%s\n", ptr_value(path));
}

/* Each function fits the stack of 512 bytes, both together do not. */
SEC("iter/task_file")
int stack_of_two_functions(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	char path[300] = {};

	if (!file)
		return 0;
	bpf_d_path(&file->f_path, path, sizeof(path));
	seq_printf(ctx->meta->seq, "%s ", ptr_value(path));
	print_path(ctx->meta->seq, file);
	return 0;
}

/* The iterator has no such argument. */
SEC("iter/task")
int context_past_end(struct bpf_iter__task *ctx)
{
	seq_printf(ctx->meta->seq, "%llu\n", ((volatile u64 *)ctx)[2]);
	return 0;
}

/* Half of a pointer. */
SEC("iter/task")
int context_half_pointer(struct bpf_iter__task *ctx)
{
	seq_printf(ctx->meta->seq, "%u\n", *(volatile u32 *)&ctx->task);
	return 0;
}

/* The fd is the lower half of its slot; the upper half is not there to be read. */
SEC("iter/task_file")
int context_upper_half(struct bpf_iter__task_file *ctx)
{
	seq_printf(ctx->meta->seq, "%u\n", (&((volatile struct bpf_iter__task_file *)ctx)->fd)[1]);
	return 0;
}

/* An offset of another kernel, behind the end of this one's struct. */
SEC("iter/task")
int struct_past_end(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	seq_printf(ctx->meta->seq, "%llu\n", *(volatile u64 *)((char *)task + 65536));
	return 0;
}

/* container_of() the wrong way. */
SEC("iter/task_vma")
int struct_before_start(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;

	if (!vma)
		return 0;
	seq_printf(ctx->meta->seq, "%llu\n", *(volatile u64 *)((char *)vma - 16));
	return 0;
}

/* A pointer member read as a number of four bytes. */
SEC("iter/task")
int struct_half_pointer(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	seq_printf(ctx->meta->seq, "%u\n", *(volatile u32 *)&task->real_parent);
	return 0;
}

/* Characters of a kernel array one by one, at an index that is not a constant. */
SEC("iter/task")
int struct_variable_index(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 index = ctx->meta->seq_num & (NAME_SIZE - 1);

	if (!task)
		return 0;
	seq_printf(ctx->meta->seq, "%c\n", ((volatile char *)task->comm)[index]);
	return 0;
}

/* The member behind the last one. */
SEC("iter/task")
int map_value_past_end(struct bpf_iter__task *ctx)
{
	u32 zero = 0;
	struct record *record = bpf_map_lookup_elem(&records, &zero);

	if (!record)
		return 0;
	((volatile struct record *)record)[1].count = ctx->meta->seq_num;
	return 0;
}

/* An index from the kernel, without a limit. */
SEC("iter/task_file")
int map_value_index_unbounded(struct bpf_iter__task_file *ctx)
{
	u32 zero = 0, fd = ctx->fd;
	struct record *record = bpf_map_lookup_elem(&records, &zero);

	if (!record)
		return 0;
	record->name[fd] = 'x';
	return 0;
}

/* The mask is that of a larger array. */
SEC("iter/task_file")
int map_value_wrong_mask(struct bpf_iter__task_file *ctx)
{
	u32 zero = 0, fd = ctx->fd;
	struct record *record = bpf_map_lookup_elem(&records, &zero);

	if (!record)
		return 0;
	record->name[fd & 31] = 'x';
	return 0;
}

/* A signed index that is checked on one side only. */
SEC("iter/task")
int map_value_negative_index(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 zero = 0;
	struct record *record = bpf_map_lookup_elem(&records, &zero);
	s64 index;

	if (!record || !task)
		return 0;
	index = task->pid;
	if (index < NAME_SIZE)
		record->name[index] = 'x';
	return 0;
}

/* The map's keys are twice as large as this one. */
SEC("iter/task")
int map_key_too_small(struct bpf_iter__task *ctx)
{
	u32 key = ctx->meta->seq_num;

	if (bpf_map_lookup_elem(&seen, &key))
		seq_puts(ctx->meta->seq, "seen\n");
	return 0;
}

/* More bytes than the literal has. */
SEC("iter/task")
int text_past_end(struct bpf_iter__task *ctx)
{
	static const char text[] = "# tasks\n";

	bpf_seq_write(ctx->meta->seq, text, 64);
	return 0;
}

/* The length comes from the kernel, without a limit. */
SEC("iter/bpf_map_elem")
int length_unbounded(struct bpf_iter__bpf_map_elem *ctx)
{
	u32 zero = 0;
	struct record *record = bpf_map_lookup_elem(&records, &zero);

	if (!record)
		return 0;
	bpf_seq_write(ctx->meta->seq, record, ctx->map->value_size);
	return 0;
}

/* A length that may be negative. */
SEC("iter/task")
int length_negative(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	u32 zero = 0;
	struct record *record = bpf_map_lookup_elem(&records, &zero);
	s64 length;

	if (!record || !task)
		return 0;
	length = task->pid;
	if (length < (s64)sizeof(*record))
		bpf_seq_write(ctx->meta->seq, record, length);
	return 0;
}

/* A buffer of no bytes. */
SEC("iter/task")
int length_zero(struct bpf_iter__task *ctx)
{
	char name[NAME_SIZE] = {};

	bpf_get_current_comm(name, 0);
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(name));
	return 0;
}

/* What stands before the element belongs to the map. */
SEC("iter/bpf_map_elem")
int element_before_start(struct bpf_iter__bpf_map_elem *ctx)
{
	const volatile u64 *value = ctx->value;

	if (!value)
		return 0;
	seq_printf(ctx->meta->seq, "%llx\n", value[-1]);
	return 0;
}

/* The element's size is known to the map only, so the offset has to be a constant. */
SEC("iter/bpf_map_elem")
int element_variable_index(struct bpf_iter__bpf_map_elem *ctx)
{
	const u32 *key = ctx->key;
	const volatile u8 *value = ctx->value;

	if (!key || !value)
		return 0;
	seq_printf(ctx->meta->seq, "%x\n", value[*key & 7]);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
