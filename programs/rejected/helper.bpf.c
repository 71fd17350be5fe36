/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Helpers and kernel functions that iterators may not call, and calls with the wrong arguments. How to do it:
 * programs/accepted/helper.bpf.c.
 */
#include "kernel.h"

#define BPF_MAP_TYPE_RINGBUF 27

struct guarded {
	struct bpf_spin_lock {
		u32 value;
	} lock;
	u32 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct guarded);
} guarded SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

extern int bpf_path_d_path(const struct path *path, char *buffer, unsigned long size) __ksym;
extern int bpf_copy_from_user_str(void *to, u32 size, const void *from, u64 flags) __ksym;

static long (*bpf_skb_load_bytes)(const void *skb, u32 offset, void *to, u32 size) = (void *)26;
static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
static long (*bpf_copy_from_user)(void *to, u32 size, const void *from) = (void *)148;
static long (*bpf_snprintf)(char *to, u32 size, const char *format, const u64 *values, u32 values_size) = (void *)165;
static long (*bpf_no_such_helper)(void) = (void *)9999;

/* A helper for packets. */
SEC("iter/task")
int helper_for_packets(struct bpf_iter__task *ctx)
{
	u32 word = 0;

	bpf_skb_load_bytes(ctx, 0, &word, sizeof(word));
	return 0;
}

/* A helper of another kernel. */
SEC("iter/task")
int helper_unknown(struct bpf_iter__task *ctx)
{
	bpf_no_such_helper();
	return 0;
}

/* A helper that may sleep, in a program that may not. */
SEC("iter/task_vma")
int helper_sleeps(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	u64 word = 0;

	if (!vma)
		return 0;
	bpf_copy_from_user(&word, sizeof(word), (void *)vma->vm_start);
	seq_printf(ctx->meta->seq, "%llx\n", word);
	return 0;
}

/* The lock is kept. */
SEC("iter/task")
int lock_kept(struct bpf_iter__task *ctx)
{
	u32 zero = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &zero);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	value->count++;
	return 0;
}

/* Under a lock no helper may be called: who knows how long it takes. */
SEC("iter/task")
int printed_under_lock(struct bpf_iter__task *ctx)
{
	u32 zero = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &zero);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	seq_puts(ctx->meta->seq, "locked\n");
	bpf_spin_unlock(&value->lock);
	return 0;
}

/* A function for security hooks only. */
SEC("iter/task_file")
int kfunc_of_other_programs(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	char path[64] = {};

	if (!file)
		return 0;
	bpf_path_d_path(&file->f_path, path, sizeof(path));
	return 0;
}

/* A function that may sleep, in a program that may not. */
SEC("iter/task_vma")
int kfunc_sleeps(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	char text[16] = {};

	if (vma)
		bpf_copy_from_user_str(text, sizeof(text), (void *)vma->vm_start, 0);
	return 0;
}

/* The context in place of the seq_file in it. */
SEC("iter/task")
int context_as_seq_file(struct bpf_iter__task *ctx)
{
	bpf_seq_write((struct seq_file *)ctx, "task\n", 5);
	return 0;
}

/* The record about the iteration in place of the seq_file in it. */
SEC("iter/task")
int meta_as_seq_file(struct bpf_iter__task *ctx)
{
	bpf_seq_write((struct seq_file *)ctx->meta, "task\n", 5);
	return 0;
}

/* The file in place of the path in it. */
SEC("iter/task_file")
int file_as_path(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	char path[64] = {};

	if (!file)
		return 0;
	bpf_d_path((const struct path *)file, path, sizeof(path));
	return 0;
}

/* A number in place of a buffer. */
SEC("iter/task_file")
int number_as_buffer(struct bpf_iter__task_file *ctx)
{
	bpf_seq_write(ctx->meta->seq, (void *)(u64)ctx->fd, 4);
	return 0;
}

/* The map's value in place of the map. */
SEC("iter/task")
int value_as_map(struct bpf_iter__task *ctx)
{
	u32 zero = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &zero);

	if (value)
		bpf_map_lookup_elem(value, &zero);
	return 0;
}

/* A ring buffer has no keys. */
SEC("iter/task")
int ring_buffer_updated(struct bpf_iter__task *ctx)
{
	u32 zero = 0;

	bpf_map_update_elem(&events, &zero, &zero, 0);
	return 0;
}

/* And an array is no ring buffer. */
SEC("iter/task")
int array_as_ring_buffer(struct bpf_iter__task *ctx)
{
	u64 number = ctx->meta->seq_num;

	bpf_ringbuf_output(&guarded, &number, sizeof(number), 0);
	return 0;
}

/* The lock of a value is not to be copied out with it. */
SEC("iter/task")
int lock_printed(struct bpf_iter__task *ctx)
{
	u32 zero = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &zero);

	if (value)
		bpf_seq_write(ctx->meta->seq, value, sizeof(*value));
	return 0;
}

/* A format that is made at run time. */
SEC("iter/task")
int format_on_stack(struct bpf_iter__task *ctx)
{
	char format[] = "%d\n";
	char text[16] = {};
	u64 number = ctx->meta->seq_num;

	bpf_snprintf(text, sizeof(text), format, &number, sizeof(number));
	return 0;
}

/* The kernel's formats have no floating point. */
SEC("iter/task")
int format_unknown(struct bpf_iter__task *ctx)
{
	static const char format[] = "%f\n";
	char text[16] = {};
	u64 number = ctx->meta->seq_num;

	bpf_snprintf(text, sizeof(text), format, &number, sizeof(number));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
