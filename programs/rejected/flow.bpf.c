/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Programs that do not end, end with the wrong value, or go where no instruction is. How to do it:
 * programs/accepted/flow.bpf.c.
 */
#include "core.h"
#include "kernel.h"

/* 2 is neither "go on" nor "try again". */
SEC("iter/task")
int returns_two(struct bpf_iter__task *ctx)
{
	return ctx->task ? 0 : 2;
}

/* An errno, as a system call would return it. */
SEC("iter/task_file")
int returns_errno(struct bpf_iter__task_file *ctx)
{
	if (!ctx->file)
		return -2;
	return 0;
}

/* The helper's result, which may be an error. */
SEC("iter/bpf_map")
int returns_helper_result(struct bpf_iter__bpf_map *ctx)
{
	return seq_puts(ctx->meta->seq, "map\n");
}

/* The number of bytes printed so far, as a printf would. */
SEC("iter/task_file")
int returns_descriptor(struct bpf_iter__task_file *ctx)
{
	return ctx->fd;
}

/* A pointer as "true". */
SEC("iter/task")
int returns_pointer(struct bpf_iter__task *ctx)
{
	return (int)(long)ctx->task;
}

/* No way out. */
SEC("iter/task")
int loops_forever(struct bpf_iter__task *ctx)
{
	for (;;)
		asm volatile("");
	return 0;
}

/* Up to the first task, which for all the verifier knows never comes. */
SEC("iter/task")
int walks_ancestors(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	while (task->pid != 1)
		task = task->real_parent;
	seq_printf(ctx->meta->seq, "%d\n", task->pid);
	return 0;
}

static __attribute__((noinline)) int depth_of(struct task_struct *task)
{
	int depth = 0;

	if (task->pid > 1)
		depth = depth_of(task->real_parent);
	barrier_var(depth);
	return depth + 1;
}

/* Functions may not call themselves. */
SEC("iter/task")
int recurses(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	seq_printf(ctx->meta->seq, "%d\n", depth_of(task));
	return 0;
}

/* Hand-written: nothing is returned. */
SEC("iter/task")
__attribute__((naked)) int returns_nothing(struct bpf_iter__task *ctx)
{
	asm volatile("exit");
}

/* Hand-written: a call leaves nothing in r1 to r5. */
SEC("iter/task")
__attribute__((naked)) int context_lost_in_call(struct bpf_iter__task *ctx)
{
	asm volatile("call 5;" /* bpf_ktime_get_ns */
		     "r1 = *(u64 *)(r1 + 8);"
		     "r0 = 0;"
		     "exit");
}

/* Hand-written: the end is missing. */
SEC("iter/task")
__attribute__((naked)) int runs_off_the_end(struct bpf_iter__task *ctx)
{
	asm volatile("r0 = 0");
}

/* Hand-written: instructions that nothing leads to. */
SEC("iter/task")
__attribute__((naked)) int unreachable_code(struct bpf_iter__task *ctx)
{
	asm volatile("r0 = 0;"
		     "exit;"
		     "r0 = 1;"
		     "exit");
}

/* Hand-written: a jump behind the last instruction. */
SEC("iter/task")
__attribute__((naked)) int jumps_out(struct bpf_iter__task *ctx)
{
	asm volatile("r0 = 0;"
		     "if r1 == 0 goto +5;"
		     "exit");
}

/* Hand-written: a shift by the register's whole width. */
SEC("iter/task")
__attribute__((naked)) int shifts_too_far(struct bpf_iter__task *ctx)
{
	asm volatile("r0 = 1;"
		     "r0 <<= 64;"
		     "exit");
}

/* Hand-written: the frame pointer is not for moving. */
SEC("iter/task")
__attribute__((naked)) int moves_frame_pointer(struct bpf_iter__task *ctx)
{
	asm volatile("r10 += -8;"
		     "r0 = 0;"
		     "exit");
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
