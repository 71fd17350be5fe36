/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Calls that iterators may make: counterparts of programs/rejected/helper.bpf.c. */
#include "kernel.h"

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

extern int bpf_copy_from_user_str(void *to, u32 size, const void *from, u64 flags) __ksym;

static long (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static long (*bpf_copy_from_user)(void *to, u32 size, const void *from) = (void *)148;
static long (*bpf_snprintf)(char *to, u32 size, const char *format, const u64 *values, u32 values_size) = (void *)165;

/* A sleepable program may wait for user memory. */
SEC("iter.s/task_vma")
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

SEC("iter.s/task_vma")
int kfunc_sleeps(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	char text[16] = {};

	if (!vma)
		return 0;
	bpf_copy_from_user_str(text, sizeof(text), (void *)vma->vm_start, 0);
	seq_printf(ctx->meta->seq, "%s\n", ptr_value(text));
	return 0;
}

/* What is done under a lock is short. */
SEC("iter/task")
int counted_under_lock(struct bpf_iter__task *ctx)
{
	u32 zero = 0;
	struct guarded *value = bpf_map_lookup_elem(&guarded, &zero);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	value->count++;
	bpf_spin_unlock(&value->lock);
	return 0;
}

/* A constant format. */
SEC("iter/task")
int format_constant(struct bpf_iter__task *ctx)
{
	static const char format[] = "%d\n";
	char text[16] = {};
	u64 number = ctx->meta->seq_num;

	bpf_snprintf(text, sizeof(text), format, &number, sizeof(number));
	seq_printf(ctx->meta->seq, "%s", ptr_value(text));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
