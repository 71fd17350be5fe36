/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What was taken is given back, on every way out: counterparts of programs/rejected/reference.bpf.c. */
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

SEC("iter/task")
int task_released(struct bpf_iter__task *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (!task)
		return 0;
	if (ctx->meta->seq_num == 0)
		seq_printf(ctx->meta->seq, "%d\n", task->pid);
	bpf_task_release(task);
	return 0;
}

/* A reference of the program's own beside the iterator's. */
SEC("iter/task")
int task_acquired(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *mine;

	if (!task)
		return 0;
	mine = bpf_task_acquire(task);
	if (mine)
		bpf_task_release(mine);
	return 0;
}

SEC("iter/task")
int record_submitted(struct bpf_iter__task *ctx)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->number = ctx->meta->seq_num;
	event->pid = 1;
	event->padding = 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* Submitted even when reserving failed. */
SEC("iter/bpf_map")
int dynptr_submitted(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct bpf_dynptr record;
	u64 number = ctx->meta->seq_num;

	if (!map)
		return 0;
	if (bpf_ringbuf_reserve_dynptr(&events, map->value_size, 0, &record) == 0)
		bpf_dynptr_write(&record, 0, &number, sizeof(number), 0);
	bpf_ringbuf_submit_dynptr(&record, 0);
	return 0;
}

SEC("iter.s/task")
int parent_acquired_under_rcu(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task, *parent;

	if (!task)
		return 0;
	bpf_rcu_read_lock();
	parent = bpf_task_acquire(task->real_parent);
	bpf_rcu_read_unlock();
	if (!parent)
		return 0;
	seq_printf(ctx->meta->seq, "%d\n", parent->tgid);
	bpf_task_release(parent);
	return 0;
}

SEC("iter/task")
int preemption_turned_on_again(struct bpf_iter__task *ctx)
{
	bpf_preempt_disable();
	seq_puts(ctx->meta->seq, "task\n");
	bpf_preempt_enable();
	return 0;
}

SEC("iter/task")
int loop_destroyed(struct bpf_iter__task *ctx)
{
	struct bpf_iter_num iter;
	int *i;

	bpf_iter_num_new(&iter, 0, 10);
	while ((i = bpf_iter_num_next(&iter)))
		seq_printf(ctx->meta->seq, "%d\n", *i);
	bpf_iter_num_destroy(&iter);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
