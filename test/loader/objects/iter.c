/* SPDX-License-Identifier: GPL-2.0 */
/* The simplest real program: an iterator that reads a relocated field and writes a format string's output. */
#include "defs.h"

struct task { s32 pid; } __core;
struct bpf_iter_meta { void *seq; u64 session_id; u64 seq_num; };
struct bpf_iter__task { struct bpf_iter_meta *meta; struct task *task; };

static long (*const seq_printf)(void *, const char *, u32, const void *, u32) = (void *)126;

u32 visited;
const volatile u32 limit = 10;

SEC("iter/task")
int dump(struct bpf_iter__task *ctx)
{
	static const char format[] = "%d\n";
	u64 args[1];

	if (!ctx->task || visited >= limit)
		return 0;
	visited++;
	args[0] = ctx->task->pid;
	seq_printf(ctx->meta->seq, format, sizeof(format), args, sizeof(args));
	return 0;
}

SEC("iter.s/nothing") int no_target(void *ctx) { return 0; }

char _license[] SEC("license") = "Dual BSD/GPL";
u32 _version SEC("version") = 0x060c00;
