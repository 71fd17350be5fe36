/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * An io_uring instance and its tables: a record for each slot of the buffer table and one for the ring behind them;
 * a record for each slot of the file table. What stands in lists is written by ring_lists, what stands in the queues
 * can be read by who maps them.
 */
#include "ring.h"
#include "describe.h"

/* The kernel keeps the idle time in clock ticks. */
extern int CONFIG_HZ __kconfig __weak;

record_map(ring_room, struct record_ring);
record_map(buffer_room, struct record_buffer);
record_map(slot_room, struct record_slot);

static __inline void add_queues(struct record_ring *record, struct io_ring_ctx___full *ctx)
{
	struct io_rings___full *rings = ctx->rings;

	record->cached_sq_head = ctx->cached_sq_head;
	record->cached_cq_tail = ctx->cached_cq_tail;
	record->sq_head = rings->sq.head;
	record->sq_tail = rings->sq.tail;
	record->sq_dropped = rings->sq_dropped;
	record->sq_flags = ring_sq_flags(rings);
	record->cq_head = rings->cq.head;
	record->cq_tail = rings->cq.tail;
	record->cq_overflow = rings->cq_overflow;
	record->cq_flags = rings->cq_flags;
	record->cq_extra = ctx->cq_extra;
	record->cq_timeouts = ctx->cq_timeouts.counter;
	record->cq_last_flush = ctx->cq_last_tm_flush;
	if (core_field_exists(ctx->cancel_seq))
		record->cancel_seq = ctx->cancel_seq.counter;
	if (core_field_exists(ctx->check_cq))
		record->check_cq = ctx->check_cq;
	else if (core_field_exists(ctx->check_cq_overflow))
		record->check_cq = ctx->check_cq_overflow;
	record->drain_next = core_bitfield(ctx, drain_next);
	record->drain_active = core_bitfield(ctx, drain_active);
	if (core_field_exists(ctx->drain_disabled))
		record->drain_disabled = core_bitfield(ctx, drain_disabled);
	record->off_timeout_used = core_bitfield(ctx, off_timeout_used);
}

static __inline u64 first_page(struct page **pages)
{
	struct page *page = NULL;

	bpf_probe_read_kernel(&page, sizeof(page), pages);
	return ptr_value(page);
}

static __inline void add_setup(struct record_ring *record, struct io_ring_ctx___full *ctx)
{
	record->flags = ctx->flags;
	record->compat = core_bitfield(ctx, compat);
	record->hz = CONFIG_HZ;
	record->sq_entries = ctx->sq_entries;
	record->cq_entries = ctx->cq_entries;
	record->sq_thread_idle = ctx->sq_thread_idle;
	record->sq_data = (u64)ctx->sq_data;
	if (ctx->sq_data) {
		record->sq_cpu = ctx->sq_data->sq_cpu;
		record->sq_pid = ctx->sq_data->task_pid;
		record->sq_tgid = ctx->sq_data->task_tgid;
	}
	record->sq_creds = (u64)ctx->sq_creds;
	if (core_field_exists(ctx->submitter_task) && ctx->submitter_task)
		record->submitter = ctx->submitter_task->pid;
	if (core_field_exists(ctx->ring_pages) && ctx->flags & IORING_SETUP_NO_MMAP) {
		record->rings_page = first_page(ctx->ring_pages);
		record->sqes_page = first_page(ctx->sqe_pages);
	}
}

static __inline void add_resources(struct record_ring *record, struct io_ring_ctx___full *ctx)
{
	record->buffers = ctx->nr_user_bufs;
	record->files = ctx->nr_user_files;
	if (ctx->buf_data)
		record->buffers_quiesce = ctx->buf_data->quiesce;
	if (ctx->file_data)
		record->files_quiesce = ctx->file_data->quiesce;
	record->user = (u64)ctx->user;
	record->mm = (u64)ctx->mm_account;
	if (ctx->user) {
		record->has_user = 1;
		record->user_id = ctx->user->uid.val;
		record->locked_vm = ctx->user->locked_vm.counter;
	}
	if (ctx->mm_account)
		record->pinned_vm = ctx->mm_account->pinned_vm.counter;
	if (core_field_exists(ctx->file_alloc_start)) {
		record->has_alloc = 1;
		record->alloc_start = ctx->file_alloc_start;
		record->alloc_end = ctx->file_alloc_end;
		record->alloc_hint = ctx->file_table.alloc_hint;
	}
}

static __inline void add_registrations(struct record_ring *record, struct io_ring_ctx___full *ctx)
{
	record->restricted = core_bitfield(ctx, restricted);
	record->restricted_register = ctx->restrictions.register_op[0];
	record->restricted_submit = ctx->restrictions.sqe_op[0];
	record->restricted_allowed = ctx->restrictions.sqe_flags_allowed;
	record->restricted_required = ctx->restrictions.sqe_flags_required;
	record->restrictions = ctx->restrictions.registered;
	record->worker_limits_set = core_bitfield(ctx, iowq_limits_set);
	record->worker_limits[0] = ctx->iowq_limits[0];
	record->worker_limits[1] = ctx->iowq_limits[1];
	if (core_field_exists(ctx->cq_ev_fd)) {
		record->eventfd = (u64)ctx->cq_ev_fd;
		record->eventfd_async = core_bitfield(ctx, eventfd_async);
	} else if (ctx->io_ev_fd) {
		record->eventfd = (u64)ctx->io_ev_fd->cq_ev_fd;
		record->eventfd_async = core_bitfield(ctx->io_ev_fd, eventfd_async);
	}
	if (record->eventfd) {
		struct eventfd_ctx___full *event = (void *)record->eventfd;

		record->eventfd_count = probe(event, count);
		record->eventfd_flags = probe(event, flags);
	}
	if (core_field_exists(ctx->evfd_last_cq_tail)) {
		record->has_eventfd_tail = 1;
		record->eventfd_tail = ctx->evfd_last_cq_tail;
	}
	record->personality_next = ctx->pers_next;
	if (core_field_exists(ctx->clockid))
		record->clock = ctx->clockid;
	if (core_field_exists(ctx->napi_enabled)) {
		record->napi = ctx->napi_enabled;
		record->napi_prefer = ctx->napi_prefer_busy_poll;
		record->napi_timeout = ctx->napi_busy_poll_dt;
	}
}

/* Nothing tells a program more of these than that they are there. */
static __inline void add_unlisted(struct record_ring *record, struct io_ring_ctx___full *ctx)
{
	if (ctx->iopoll_list.first)
		record->unlisted |= UNLISTED_iopoll;
	if (core_field_exists(ctx->futex_list) && ctx->futex_list.first)
		record->unlisted |= UNLISTED_futex;
	if (core_field_exists(ctx->waitid_list) && ctx->waitid_list.first)
		record->unlisted |= UNLISTED_waitid;
	if (core_field_exists(ctx->cancelable_uring_cmd) && ctx->cancelable_uring_cmd.first)
		record->unlisted |= UNLISTED_command;
	if (core_field_exists(ctx->zcrx_ctxs) && ctx->zcrx_ctxs.xa_head)
		record->unlisted |= UNLISTED_zcrx;
}

static __inline void write_ring(struct seq_file *seq, struct io_ring_ctx___full *ctx)
{
	struct record_ring *record = only_value(&ring_room);

	if (!record)
		return;
	record_begin(record, ring);
	record->address = (u64)ctx;
	add_setup(record, ctx);
	add_queues(record, ctx);
	add_resources(record, ctx);
	add_registrations(record, ctx);
	add_unlisted(record, ctx);
	record_end(seq, record);
	if (ctx->sq_creds)
		write_cred(seq, ctx->sq_creds);
}

static __inline void write_buffer(struct seq_file *seq, struct bpf_iter__io_uring_buf___full *iter)
{
	struct io_mapped_ubuf *ubuf = iter->ubuf;
	struct io_mapped_ubuf___full *full = (void *)ubuf;
	struct record_buffer *record = only_value(&buffer_room);

	if (!record || !ubuf)
		return;
	record_begin(record, buffer);
	record->index = iter->index;
	record->buffer = (u64)ubuf;
	record->empty = ubuf_is_empty(ubuf);
	if (!record->empty) {
		record->address = ubuf->ubuf;
		record->length = ubuf_length(ubuf);
		record->vectors = ubuf->nr_bvecs;
		record->accounted = full->acct_pages;
		if (core_field_exists(full->folio_shift))
			record->folio_shift = full->folio_shift;
		if (core_field_exists(full->refs))
			record->references = full->refs.refs.counter;
		if (core_field_exists(full->is_kbuf))
			record->kernel = full->is_kbuf;
	}
	record->tag = resource_tag(iter->ctx->buf_data, iter->index);
	record_end(seq, record);
}

SEC("iter/io_uring_buf")
int dump_ring(struct bpf_iter__io_uring_buf___full *iter)
{
	if (iter->ubuf)
		write_buffer(iter->meta->seq, iter);
	else
		write_ring(iter->meta->seq, iter->ctx);
	return 0;
}

struct bpf_iter__io_uring_file___full {
	struct bpf_iter_meta *meta;
	struct io_ring_ctx___full *ctx;
	struct file *file;
	u64 index;
} __attribute__((preserve_access_index));

SEC("iter/io_uring_file")
int dump_slots(struct bpf_iter__io_uring_file___full *iter)
{
	struct io_ring_ctx___full *ctx = iter->ctx;
	struct record_slot *record = only_value(&slot_room);
	struct seq_file *seq = iter->meta->seq;
	struct file *file = iter->file;

	if (!record || iter->index >= ctx->nr_user_files)
		return 0;
	record_begin(record, slot);
	record->index = iter->index;
	record->file = (u64)file;
	record->tag = resource_tag(ctx->file_data, iter->index);
	record_end(seq, record);
	if (file)
		write_file(seq, file);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
