/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What an io_uring instance is beside its tables: how it was set up, its queues with what waits in them, counters,
 * registrations and limits. A line for each, in the order of the inventory ("drydock inventory"); what a kernel does
 * not have is left out.
 */
#include "ring.h"

/* Entries that are shown of each queue and list. */
#define SHOWN 16

#define line(name, value) seq_printf(seq, name " %lld\n", (u64)(value))
#define field_line(ctx, field)                        \
	do {                                          \
		if (core_field_exists((ctx)->field))  \
			line(#field, (ctx)->field);   \
	} while (0)
#define bit_line(ctx, field)                                          \
	do {                                                          \
		if (core_field_exists((ctx)->field))                  \
			line(#field, core_bitfield(ctx, field));      \
	} while (0)

static __inline void print_setup(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	seq_printf(seq, "flags 0x%llx\n", (u64)ctx->flags);
	field_line(ctx, sq_entries);
	field_line(ctx, cq_entries);
	bit_line(ctx, compat);
	bit_line(ctx, restricted);
	if (core_field_exists(ctx->submitter_task) && ctx->submitter_task)
		line("submitter", ctx->submitter_task->pid);
	if (ctx->sq_data) {
		field_line(ctx, sq_thread_idle);
		seq_printf(seq, "sq_thread %lld cpu %lld shared 0x%llx\n", (u64)ctx->sq_data->task_pid,
			   (s64)ctx->sq_data->sq_cpu, ptr_value(ctx->sq_data));
		if (ctx->sq_creds)
			line("sq_creds", ctx->sq_creds->uid.val);
	}
}

static __inline void print_sqes(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	struct io_rings___full *rings = ctx->rings;
	u32 head = rings->sq.head, tail = rings->sq.tail, mask = rings->sq_ring_mask;
	u32 shift = ctx->flags & IORING_SETUP_SQE128 ? 7 : 6, i;

	for (i = 0; i < SHOWN && head + i != tail; i++) {
		struct io_uring_sqe___full *sqe;
		u32 index = (head + i) & mask;
		u64 data = 0;
		u8 opcode = 0;

		if (!(ctx->flags & IORING_SETUP_NO_SQARRAY) && ctx->sq_array)
			bpf_probe_read_kernel(&index, sizeof(index), (void *)ctx->sq_array + index * 4UL);
		sqe = (void *)ctx->sq_sqes + ((u64)(index & mask) << shift);
		bpf_probe_read_kernel(&opcode, sizeof(opcode), &sqe->opcode);
		bpf_probe_read_kernel(&data, sizeof(data), &sqe->user_data);
		seq_printf(seq, "sqe %llu opcode %llu data 0x%llx\n", (u64)index, (u64)opcode, data);
	}
}

static __inline void print_cqe(struct seq_file *seq, const char *what, struct io_uring_cqe___full *cqe)
{
	struct {
		u64 user_data;
		s32 res;
		u32 flags;
	} copy = {};

	bpf_probe_read_kernel(&copy, sizeof(copy), cqe);
	seq_printf(seq, "%s data 0x%llx res %lld flags 0x%llx\n", ptr_value(what), copy.user_data, (s64)copy.res,
		   (u64)copy.flags);
}

static __inline void print_cqes(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	static const char pending[] = "cqe", overflown[] = "overflow";
	struct io_rings___full *rings = ctx->rings;
	struct list_head___full *entry = ctx->cq_overflow_list.next;
	u32 head = rings->cq.head, tail = rings->cq.tail, mask = rings->cq_ring_mask;
	u64 cqes = (u64)rings + __builtin_preserve_field_info(rings->cqes, FIELD_BYTE_OFFSET);
	u32 shift = ctx->flags & IORING_SETUP_CQE32 ? 5 : 4, i;

	for (i = 0; i < SHOWN && head + i != tail; i++)
		print_cqe(seq, pending, (void *)(cqes + ((u64)((head + i) & mask) << shift)));
	for (i = 0; i < SHOWN && entry != &ctx->cq_overflow_list; i++) {
		u64 at = (u64)entry -
			 __builtin_preserve_field_info(((struct io_overflow_cqe___full *)0)->list, FIELD_BYTE_OFFSET);

		print_cqe(seq, overflown, &((struct io_overflow_cqe___full *)at)->cqe);
		entry = entry->next;
	}
}

static __inline void print_queues(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	struct io_rings___full *rings = ctx->rings;

	if (!rings)
		return;
	seq_printf(seq, "sq.head %llu cached %llu\n", (u64)rings->sq.head, (u64)ctx->cached_sq_head);
	line("sq.tail", rings->sq.tail);
	print_sqes(seq, ctx);
	seq_printf(seq, "cq.tail %llu cached %llu\n", (u64)rings->cq.tail, (u64)ctx->cached_cq_tail);
	line("cq.head", rings->cq.head);
	print_cqes(seq, ctx);
	line("sq_dropped", rings->sq_dropped);
	line("cq_overflow", rings->cq_overflow);
	line("sq_flags", ring_sq_flags(rings));
	line("cq_flags", rings->cq_flags);
	field_line(ctx, check_cq);
	field_line(ctx, check_cq_overflow);
	field_line(ctx, cq_extra);
	line("cq_timeouts", ctx->cq_timeouts.counter);
	field_line(ctx, cq_last_tm_flush);
	bit_line(ctx, drain_active);
	bit_line(ctx, drain_next);
	bit_line(ctx, drain_disabled);
	bit_line(ctx, off_timeout_used);
	if (core_field_exists(ctx->cancel_seq))
		line("cancel_seq", ctx->cancel_seq.counter);
}

static __inline void print_timeouts(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	struct list_head___full *entry = ctx->timeout_list.next;
	u32 i;

	for (i = 0; i < SHOWN && entry != &ctx->timeout_list; i++) {
		/* A request begins with what its operation keeps. */
		u64 at = (u64)entry -
			 __builtin_preserve_field_info(((struct io_timeout___full *)0)->list, FIELD_BYTE_OFFSET);
		struct io_kiocb___full *req = (void *)at;
		struct io_timeout_data___full *data = probe(req, async_data);

		seq_printf(seq, "timeout data 0x%llx after %lld.%09lld count %llu\n", request_data(req),
			   probe(data, ts.tv_sec), (s64)probe(data, ts.tv_nsec),
			   (u64)probe((struct io_timeout___full *)at, off));
		entry = entry->next;
	}
}

/* Requests that wait for the ones before them. */
static __inline void print_deferred(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	struct list_head___full *entry = ctx->defer_list.next;
	u32 i;

	for (i = 0; i < SHOWN && entry != &ctx->defer_list; i++) {
		struct io_defer_entry___full *deferred = (void *)entry;
		struct io_kiocb___full *req = probe(deferred, req);

		seq_printf(seq, "deferred opcode %llu data 0x%llx seq %llu\n", (u64)probe(req, opcode),
			   request_data(req), (u64)probe(deferred, seq));
		entry = entry->next;
	}
}

/* The first ones are shown. */
static __inline void print_tags(struct seq_file *seq, const char *what, struct io_rsrc_data___full *data)
{
	u64 tag;
	u32 i;

	for (i = 0; i < SHOWN && data && i < data->nr; i++) {
		tag = resource_tag(data, i);
		if (tag)
			seq_printf(seq, "%s %llu tag 0x%llx\n", ptr_value(what), (u64)i, tag);
	}
}

static __inline void print_resources(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	static const char buffer[] = "buffer", file[] = "file";

	field_line(ctx, nr_user_bufs);
	if (ctx->user)
		seq_printf(seq, "user %llu locked_vm %lld\n", (u64)ctx->user->uid.val, ctx->user->locked_vm.counter);
	if (ctx->mm_account)
		line("pinned_vm", ctx->mm_account->pinned_vm.counter);
	print_tags(seq, buffer, ctx->buf_data);
	field_line(ctx, nr_user_files);
	print_tags(seq, file, ctx->file_data);
	if (core_field_exists(ctx->file_alloc_start))
		seq_printf(seq, "file_alloc %llu-%llu hint %llu\n", (u64)ctx->file_alloc_start,
			   (u64)ctx->file_alloc_end, (u64)ctx->file_table.alloc_hint);
}

static __inline void print_registrations(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	if (core_field_exists(ctx->cq_ev_fd) && ctx->cq_ev_fd)
		seq_printf(seq, "eventfd 0x%llx async %llu\n", ptr_value(ctx->cq_ev_fd),
			   (u64)core_bitfield(ctx, eventfd_async));
	if (core_field_exists(ctx->io_ev_fd) && ctx->io_ev_fd)
		seq_printf(seq, "eventfd 0x%llx async %llu\n", ptr_value(ctx->io_ev_fd->cq_ev_fd),
			   (u64)core_bitfield(ctx->io_ev_fd, eventfd_async));
	field_line(ctx, evfd_last_cq_tail);
	field_line(ctx, pers_next);
	seq_printf(seq, "restrictions register 0x%llx sqe 0x%llx allowed 0x%llx required 0x%llx registered %llu\n",
		   (u64)ctx->restrictions.register_op[0], (u64)ctx->restrictions.sqe_op[0],
		   (u64)ctx->restrictions.sqe_flags_allowed, (u64)ctx->restrictions.sqe_flags_required,
		   (u64)ctx->restrictions.registered);
	seq_printf(seq, "iowq_limits %llu %llu\n", (u64)ctx->iowq_limits[0], (u64)ctx->iowq_limits[1]);
	field_line(ctx, clockid);
	if (core_field_exists(ctx->napi_enabled))
		seq_printf(seq, "napi %llu timeout %lld prefer %llu\n", (u64)ctx->napi_enabled,
			   ctx->napi_busy_poll_dt, (u64)ctx->napi_prefer_busy_poll);
}

SEC("iter/io_uring_buf")
int dump_ring_state(struct bpf_iter__io_uring_buf___full *iter)
{
	struct io_ring_ctx___full *ctx = iter->ctx;
	struct seq_file *seq = iter->meta->seq;

	/* Once, behind the buffers. */
	if (iter->ubuf)
		return 0;
	print_setup(seq, ctx);
	print_queues(seq, ctx);
	print_timeouts(seq, ctx);
	print_deferred(seq, ctx);
	print_resources(seq, ctx);
	print_registrations(seq, ctx);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
