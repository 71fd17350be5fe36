/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every task: who it is, what it shares with others, its credentials and limits, its side of io_uring. */
#include "describe.h"

#define RINGS 16
#define RLIMIT_NOFILE 7
#define RLIMIT_MEMLOCK 8

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct rlimit {
	unsigned long rlim_cur, rlim_max;
};

struct signal_struct {
	struct rlimit rlim[16];
};

struct cpumask___full {
	unsigned long bits[1];
};

struct io_wq_acct___full {
	unsigned int max_workers;
};

/* Accounts and mask stand in io_wq since 6.4, in one io_wqe a node before. */
struct io_wqe___full {
	struct io_wq_acct___full acct[2];
	struct cpumask___full *cpu_mask;
};

struct io_wq___full {
	struct io_wq_acct___full acct[2];
	struct cpumask___full *cpu_mask;
	struct io_wqe___full *wqes[];
};

struct percpu_counter___full {
	s64 count;
};

struct io_uring_task___full {
	int cached_refs;
	struct percpu_counter___full inflight;
	struct io_wq___full *io_wq;
	struct file *registered_rings[RINGS]; /* since 5.18 */
};

struct mm_struct___bounds {
	unsigned long start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	unsigned long arg_start, arg_end, env_start, env_end;
};

struct task_struct___full {
	unsigned int flags;
	int exit_state;
	int exit_signal;
	struct signal_struct *signal;
	void *files;
	struct io_uring_task___full *io_uring;
};

#pragma clang attribute pop

record_map(task_room, struct record_task);
record_map(mm_room, struct record_mm);
record_map(ring_fd_room, struct record_ring_fd);

static __inline void add_workers(struct record_task *record, struct io_wq___full *pool)
{
	struct cpumask___full *mask;

	if (core_field_exists(pool->cpu_mask)) {
		record->workers[0] = pool->acct[0].max_workers;
		record->workers[1] = pool->acct[1].max_workers;
		mask = pool->cpu_mask;
	} else if (core_field_exists(pool->wqes)) {
		struct io_wqe___full *node = NULL;

		bpf_probe_read_kernel(&node, sizeof(node),
				      (void *)pool + __builtin_preserve_field_info(pool->wqes, FIELD_BYTE_OFFSET));
		record->workers[0] = probe(node, acct[0].max_workers);
		record->workers[1] = probe(node, acct[1].max_workers);
		mask = probe(node, cpu_mask);
	} else {
		return;
	}
	record->worker_cpus = probe(mask, bits[0]);
}

static __inline void write_task(struct seq_file *seq, struct task_struct *task)
{
	struct task_struct___full *full = (void *)task;
	struct record_task *record = only_value(&task_room);

	if (!record)
		return;
	record_begin(record, task);
	record->tid = task->pid;
	record->tgid = task->tgid;
	record->parent = task->real_parent->tgid;
	record->flags = full->flags;
	record->exit_state = full->exit_state;
	record->exit_signal = full->exit_signal;
	bpf_probe_read_kernel(record->comm, sizeof(record->comm), task->comm);
	record->mm = (u64)task->mm;
	record->files = (u64)full->files;
	record->cred = (u64)task->cred;
	record->signal = (u64)full->signal;
	record->nofile = full->signal->rlim[RLIMIT_NOFILE].rlim_cur;
	record->nofile_max = full->signal->rlim[RLIMIT_NOFILE].rlim_max;
	record->memlock = full->signal->rlim[RLIMIT_MEMLOCK].rlim_cur;
	record->memlock_max = full->signal->rlim[RLIMIT_MEMLOCK].rlim_max;
	if (full->io_uring) {
		record->has_context = 1;
		record->cached_refs = full->io_uring->cached_refs;
		record->inflight = full->io_uring->inflight.count;
		if (full->io_uring->io_wq)
			add_workers(record, full->io_uring->io_wq);
	}
	record_end(seq, record);
}

static __inline void write_mm(struct seq_file *seq, struct mm_struct___bounds *mm)
{
	struct record_mm *record = only_value(&mm_room);

	if (!record || !mm)
		return;
	record_begin(record, mm);
	record->address = (u64)mm;
	record->start_code = mm->start_code;
	record->end_code = mm->end_code;
	record->start_data = mm->start_data;
	record->end_data = mm->end_data;
	record->start_brk = mm->start_brk;
	record->brk = mm->brk;
	record->start_stack = mm->start_stack;
	record->arg_start = mm->arg_start;
	record->arg_end = mm->arg_end;
	record->env_start = mm->env_start;
	record->env_end = mm->env_end;
	record_end(seq, record);
}

static __inline void write_ring_fds(struct seq_file *seq, struct task_struct *task)
{
	struct io_uring_task___full *context = ((struct task_struct___full *)task)->io_uring;
	struct record_ring_fd *record = only_value(&ring_fd_room);
	struct file *file;
	u32 i;

	if (!record || !context || !core_field_exists(context->registered_rings))
		return;
	for (i = 0; i < RINGS; i++) {
		file = NULL;
		bpf_probe_read_kernel(&file, sizeof(file), (void *)&context->registered_rings + i * sizeof(file));
		if (!file)
			continue;
		record_begin(record, ring_fd);
		record->tid = task->pid;
		record->index = i;
		record->file = (u64)file;
		record_end(seq, record);
	}
}

SEC("iter/task")
int dump_tasks(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;

	if (!task)
		return 0;
	write_task(seq, task);
	write_cred(seq, task->cred);
	write_mm(seq, (void *)task->mm);
	write_ring_fds(seq, task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
