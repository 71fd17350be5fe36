/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What was taken and is not given back, is given back twice, or never was the program's: references, records of
 * a ring buffer, critical sections, loops. How to do it: programs/accepted/reference.bpf.c.
 */
#include "kfuncs.h"

struct event {
	u64 number;
	u32 pid;
	u32 padding;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* The task is never given back. */
SEC("iter/task")
int task_leaked(struct bpf_iter__task *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (task)
		seq_printf(ctx->meta->seq, "%d\n", task->pid);
	return 0;
}

/* One way out forgets it. */
SEC("iter/task")
int task_leaked_on_early_return(struct bpf_iter__task *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (!task)
		return 0;
	if (ctx->meta->seq_num > 0)
		return 0;
	seq_printf(ctx->meta->seq, "%d\n", task->pid);
	bpf_task_release(task);
	return 0;
}

/* Given back twice. */
SEC("iter/task")
int task_released_twice(struct bpf_iter__task *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (!task)
		return 0;
	bpf_task_release(task);
	bpf_task_release(task);
	return 0;
}

/* Read after it was given back. */
SEC("iter/task")
int task_used_after_release(struct bpf_iter__task *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (!task)
		return 0;
	bpf_task_release(task);
	seq_printf(ctx->meta->seq, "%d\n", task->pid);
	return 0;
}

/* The iterator's own reference is not the program's. */
SEC("iter/task")
int task_of_iterator_released(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		bpf_task_release(task);
	return 0;
}

/* There may be no such task. */
SEC("iter/task")
int task_released_unchecked(struct bpf_iter__task *ctx)
{
	bpf_task_release(bpf_task_from_pid(1));
	return 0;
}

/* This iterator does not vouch for its task as iter/task does. */
SEC("iter/task_vma")
int untrusted_task_acquired(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task, *mine;

	if (!task)
		return 0;
	mine = bpf_task_acquire(task);
	if (mine)
		bpf_task_release(mine);
	return 0;
}

/* Neither submitted nor discarded. */
SEC("iter/task")
int record_leaked(struct bpf_iter__task *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (event)
		event->number = ctx->meta->seq_num;
	return 0;
}

/* The ring may be full. */
SEC("iter/task")
int record_unchecked(struct bpf_iter__task *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	event->number = ctx->meta->seq_num;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Fewer bytes are reserved than written. */
SEC("iter/task")
int record_too_small(struct bpf_iter__task *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(event), 0);

	if (!event)
		return 0;
	event->number = ctx->meta->seq_num;
	event->pid = 1;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* A submitted record belongs to the reader. */
SEC("iter/task")
int record_changed_after_submit(struct bpf_iter__task *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	bpf_ringbuf_submit(event, 0);
	event->number = ctx->meta->seq_num;
	return 0;
}

/* Only what was reserved can be submitted. */
SEC("iter/task")
int record_of_stack_submitted(struct bpf_iter__task *ctx)
{
	struct event event = { .number = ctx->meta->seq_num };

	bpf_ringbuf_submit(&event, 0);
	return 0;
}

/* A size that is not known beforehand needs a dynptr. */
SEC("iter/bpf_map")
int record_of_variable_size(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	void *record;

	if (!map)
		return 0;
	record = bpf_ringbuf_reserve(&events, map->value_size, 0);
	if (record)
		bpf_ringbuf_discard(record, 0);
	return 0;
}

/* A dynptr has to be submitted or discarded even when reserving failed. */
SEC("iter/bpf_map")
int dynptr_leaked(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct bpf_dynptr record;

	if (!map)
		return 0;
	if (bpf_ringbuf_reserve_dynptr(&events, map->value_size, 0, &record))
		return 0;
	bpf_dynptr_write(&record, 0, &map->name, 4, 0);
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}

/* Never set up. */
SEC("iter/task")
int dynptr_uninitialised(struct bpf_iter__task *ctx)
{
	struct bpf_dynptr record;
	u64 number = ctx->meta->seq_num;

	bpf_dynptr_write(&record, 0, &number, sizeof(number), 0);
	return 0;
}

/* The section is left open. */
SEC("iter.s/task")
int rcu_left_open(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	bpf_rcu_read_lock();
	seq_printf(ctx->meta->seq, "%d\n", task->real_parent->tgid);
	return 0;
}

/* A section is closed that was not opened. */
SEC("iter.s/task")
int rcu_closed_only(struct bpf_iter__task *ctx)
{
	bpf_rcu_read_unlock();
	return 0;
}

/* Sections of this kind do not nest. */
SEC("iter.s/task")
int rcu_opened_twice(struct bpf_iter__task *ctx)
{
	bpf_rcu_read_lock();
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
	bpf_rcu_read_unlock();
	return 0;
}

/* Outside of the section the parent may be gone. */
SEC("iter.s/task")
int parent_used_after_rcu(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *parent, *mine;

	if (!task)
		return 0;
	bpf_rcu_read_lock();
	parent = task->real_parent;
	bpf_rcu_read_unlock();
	mine = bpf_task_acquire(parent);
	if (mine)
		bpf_task_release(mine);
	return 0;
}

/* Preemption stays off. */
SEC("iter/task")
int preemption_left_off(struct bpf_iter__task *ctx)
{
	bpf_preempt_disable();
	seq_puts(ctx->meta->seq, "task\n");
	return 0;
}

/* The loop's state is never given back. */
SEC("iter/task")
int loop_not_destroyed(struct bpf_iter__task *ctx)
{
	struct bpf_iter_num iter;
	int *i;

	bpf_iter_num_new(&iter, 0, 10);
	while ((i = bpf_iter_num_next(&iter)))
		seq_printf(ctx->meta->seq, "%d\n", *i);
	return 0;
}

/* A loop that was not begun. */
SEC("iter/task")
int loop_not_begun(struct bpf_iter__task *ctx)
{
	struct bpf_iter_num iter;
	int *i;

	while ((i = bpf_iter_num_next(&iter)))
		seq_printf(ctx->meta->seq, "%d\n", *i);
	bpf_iter_num_destroy(&iter);
	return 0;
}

/* The last call of next gives nothing. */
SEC("iter/task")
int loop_end_unchecked(struct bpf_iter__task *ctx)
{
	struct bpf_iter_num iter;

	bpf_iter_num_new(&iter, 0, 10);
	seq_printf(ctx->meta->seq, "%d\n", *bpf_iter_num_next(&iter));
	bpf_iter_num_destroy(&iter);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
