/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What an io_uring instance keeps in lists, trees and hash tables. These may be longer than one run of a program may
 * loop: each program writes some of them and leaves in `cursor` where to go on, which its next run takes up; 0 at the
 * end. The ring must not be used meanwhile.
 */
#include "ring.h"
#include "describe.h"

struct cursor {
	/* Where to go on: an index or an address, 0 for the start and at the end. */
	u64 next;
	/* For provided buffers: the list, and whether its start is a buffer too. */
	u64 list;
	u64 list_is_buffer;
	/* For hash tables: the bucket. For pages: the group's table and how many. */
	u64 more;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct cursor);
} cursor SEC(".maps");

record_map(personality_room, struct record_personality);
record_map(group_room, struct record_group);
record_map(group_page_room, struct record_group_page);
record_map(provided_room, struct record_provided);
record_map(overflow_room, struct record_overflow);
record_map(request_room, struct record_request);
record_map(waiter_room, struct record_waiter);

/* Entries that one run looks at. */
#define STEPS 64

/* xarray: 64 slots a node; the low bits of a pointer to a node are 2. */
#define XA_SHIFT 6
#define XA_MASK 63
#define XA_LEVELS 3
#define XA_NODE 2UL

struct found {
	u64 entry;
	/* First index that may have another entry. */
	u64 next;
};

static __inline struct found xa_find(struct xarray___full *array, u64 index)
{
	struct found found = { .next = index + 1 };
	u64 entry = (u64)array->xa_head;
	u32 level, shift = 0;

	for (level = 0; level < XA_LEVELS && (entry & 3) == XA_NODE; level++) {
		struct xa_node___full *node = (void *)(entry - XA_NODE);

		shift = probe(node, shift) & 31;
		if (level == 0 && index >> shift > XA_MASK) {
			found.next = 0;
			return found;
		}
		entry = 0;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      (void *)node + __builtin_preserve_field_info(node->slots, FIELD_BYTE_OFFSET) +
					      ((index >> shift) & XA_MASK) * sizeof(entry));
		if (!entry)
			found.next = ((index >> shift) + 1) << shift;
	}
	if (level == 0 && index > 0)
		entry = 0;
	if (level == 0)
		found.next = 0;
	if ((entry & 3) == 0)
		found.entry = entry;
	return found;
}

SEC("iter/io_uring_buf")
int dump_personalities(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_personality *record = only_value(&personality_room);
	struct cursor *at = only_value(&cursor);
	struct seq_file *seq = iter->meta->seq;
	u64 i;

	if (iter->ubuf || !at || !record)
		return 0;
	/* Ids begin with 1. */
	if (at->next == 0)
		at->next = 1;
	for (i = 0; i < STEPS && at->next; i++) {
		u64 index = at->next;
		struct found found = xa_find(&iter->ctx->personalities, index);

		at->next = found.next;
		if (!found.entry)
			continue;
		record_begin(record, personality);
		record->id = index;
		record->cred = found.entry;
		record_end(seq, record);
		write_cred(seq, (void *)found.entry);
	}
	return 0;
}

/* A list or a ring: the members of the other mean nothing. */
static __inline void write_group(struct seq_file *seq, struct record_group *record, u64 id,
				 struct io_buffer_list___full *group)
{
	record_begin(record, group);
	record->id = id;
	record->pages = probe(group, buf_nr_pages);
	record->entries = probe(group, nr_entries);
	record->consumed = probe(group, head);
	record->page_table = (u64)probe(group, buf_pages);
	if (core_field_exists(group->flags))
		record->flags = probe(group, flags);
	if (core_field_exists(group->min_left_sub_one))
		record->min_left = probe(group, min_left_sub_one);
	record->list = (u64)&group->buf_list;
	record_end(seq, record);
}

/* Before 5.19 the first buffer of a group stands for it. */
static __inline void write_old_group(struct seq_file *seq, struct record_group *record, u64 id,
				     struct io_buffer___full *first)
{
	record_begin(record, group);
	record->id = id;
	record->list = (u64)&first->list;
	record->list_is_buffer = 1;
	record_end(seq, record);
}

#define ARRAY_GROUPS 64

/* 6.1 has the first groups in an array; the others are in the xarray. */
static __inline struct io_buffer_list___full *array_group(struct io_buffer_list___full *array, u64 index)
{
	return (void *)array + index * __builtin_preserve_type_info(*array, 1);
}

/* `at->next` is the id that comes next, plus 1. */
SEC("iter/io_uring_buf")
int dump_groups(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_group *record = only_value(&group_room);
	struct io_ring_ctx___full *ctx = iter->ctx;
	struct cursor *at = only_value(&cursor);
	struct seq_file *seq = iter->meta->seq;
	struct io_buffer_list___full *array = NULL;
	u64 i;

	if (iter->ubuf || !at || !record)
		return 0;
	if (core_field_exists(ctx->io_bl))
		array = ctx->io_bl;
	if (at->next == 0)
		at->next = 1;
	for (i = 0; i < STEPS && at->next; i++) {
		u64 id = at->next - 1;
		struct found found;

		/* Members that the kernel lacks are not to be looked for before the loop. */
		barrier_var(ctx);
		if (core_field_exists(ctx->io_bl) && id < ARRAY_GROUPS) {
			at->next = (array ? id + 1 : ARRAY_GROUPS) + 1;
			if (array)
				write_group(seq, record, id, array_group(array, id));
			continue;
		}
		if (core_field_exists(ctx->io_bl_xa)) {
			found = xa_find(&ctx->io_bl_xa, id);
		} else {
			barrier_var(ctx);
			found = xa_find(&ctx->io_buffers, id);
		}
		at->next = found.next ? found.next + 1 : 0;
		if (!found.entry)
			continue;
		if (core_field_exists(ctx->io_bl_xa))
			write_group(seq, record, id, (void *)found.entry);
		else
			write_old_group(seq, record, id, (void *)found.entry);
	}
	return 0;
}

/* The pages of one group's ring: its table in `list`, how many in `more`. */
SEC("iter/io_uring_buf")
int dump_group_pages(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_group_page *record = only_value(&group_page_room);
	struct cursor *at = only_value(&cursor);
	u64 i;

	if (iter->ubuf || !at || !record)
		return 0;
	for (i = 0; i < STEPS && at->next < at->more; i++) {
		record_begin(record, group_page);
		record->index = at->next;
		bpf_probe_read_kernel(&record->page, sizeof(record->page), (void *)(at->list + at->next * 8));
		record_end(iter->meta->seq, record);
		at->next++;
	}
	if (at->next >= at->more)
		at->next = 0;
	return 0;
}

/* The buffers of one group: its list in `list`. */
SEC("iter/io_uring_buf")
int dump_provided(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_provided *record = only_value(&provided_room);
	struct cursor *at = only_value(&cursor);
	struct list_head___full *entry;
	u64 i;

	if (iter->ubuf || !at || !record || !at->list)
		return 0;
	entry = (void *)at->next;
	if (!entry)
		entry = at->list_is_buffer ? (void *)at->list : probe((struct list_head___full *)at->list, next);
	else if ((u64)entry == at->list)
		entry = NULL;
	for (i = 0; i < STEPS && entry; i++) {
		struct io_buffer___full *buffer;

		if (!at->list_is_buffer && (u64)entry == at->list) {
			entry = NULL;
			break;
		}
		buffer = container_of(entry, struct io_buffer___full, list);
		record_begin(record, provided);
		record->address = probe(buffer, addr);
		record->length = probe(buffer, len);
		record->id = probe(buffer, bid);
		record_end(iter->meta->seq, record);
		entry = probe(entry, next);
		if ((u64)entry == at->list)
			entry = NULL;
	}
	at->next = (u64)entry;
	return 0;
}

SEC("iter/io_uring_buf")
int dump_overflow(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_overflow *record = only_value(&overflow_room);
	struct io_ring_ctx___full *ctx = iter->ctx;
	struct cursor *at = only_value(&cursor);
	struct list_head___full *entry;
	u64 i;

	if (iter->ubuf || !at || !record)
		return 0;
	entry = at->next ? (void *)at->next : ctx->cq_overflow_list.next;
	for (i = 0; i < STEPS && entry != &ctx->cq_overflow_list && entry; i++) {
		struct io_overflow_cqe___full *overflown = container_of(entry, struct io_overflow_cqe___full, list);

		record_begin(record, overflow);
		record->user_data = probe(overflown, cqe.user_data);
		record->result = probe(overflown, cqe.res);
		record->flags = probe(overflown, cqe.flags);
		if (ctx->flags & IORING_SETUP_CQE32)
			bpf_probe_read_kernel(record->extra, sizeof(record->extra), &overflown->cqe + 1);
		record_end(iter->meta->seq, record);
		entry = probe(entry, next);
	}
	at->next = entry == &ctx->cq_overflow_list ? 0 : (u64)entry;
	return 0;
}

#define IORING_OP_READ_FIXED 4
#define IORING_OP_WRITE_FIXED 5
#define IORING_OP_POLL_ADD 6
#define IORING_OP_TIMEOUT 11
#define IORING_OP_LINK_TIMEOUT 15
#define IORING_OP_READ 22
#define IORING_OP_WRITE 23

static __inline void add_timeout(struct record_request *record, struct io_kiocb___full *req)
{
	struct io_timeout___full *timeout = (void *)req;
	struct io_timeout_data___full *data = probe(req, async_data);

	record->count = probe(timeout, off);
	record->target = probe(timeout, target_seq);
	if (core_field_exists(timeout->repeats))
		record->repeats = probe(timeout, repeats);
	record->bounds = (u64)probe(timeout, head);
	record->mode = probe(data, flags);
	record->seconds = probe(data, ts.tv_sec);
	record->nanoseconds = probe(data, ts.tv_nsec);
	record->expires = probe(data, timer.node.expires);
	record->now = bpf_ktime_get_ns();
}

static __inline void write_request(struct seq_file *seq, struct record_request *record, enum request_place place,
				   struct io_kiocb___full *req)
{
	struct task_struct *task = probe(req, task);
	struct io_rw___full *transfer = (void *)req;

	record_begin(record, request);
	record->request = (u64)req;
	record->place = place;
	record->opcode = probe(req, opcode);
	bpf_probe_read_kernel(&record->flags,
			      __builtin_preserve_field_info(req->flags, FIELD_BYTE_SIZE) == 8 ? 8 : 4, &req->flags);
	record->user_data = request_data(req);
	record->file = (u64)probe(req, file);
	record->fd = -1;
	if (!record->file && core_field_exists(req->cqe.fd))
		record->fd = probe(req, cqe.fd);
	record->link = (u64)probe(req, link);
	record->cred = (u64)probe(req, creds);
	record->buffer = probe(req, buf_index);
	/* Those of a personality, which may be registered no more. */
	if (record->cred)
		write_cred(seq, (void *)record->cred);
	if (task)
		record->tid = probe(task, pid);
	switch (record->opcode) {
	case IORING_OP_TIMEOUT:
	case IORING_OP_LINK_TIMEOUT:
		add_timeout(record, req);
		break;
	case IORING_OP_POLL_ADD:
		if (core_field_exists(((struct io_poll___full *)req)->events))
			record->events = probe((struct io_poll___full *)req, events);
		else
			record->events = probe((struct io_poll_iocb___full *)req, events);
		break;
	case IORING_OP_READ:
	case IORING_OP_WRITE:
	case IORING_OP_READ_FIXED:
	case IORING_OP_WRITE_FIXED:
		record->offset = probe(transfer, kiocb.ki_pos);
		record->address = probe(transfer, addr);
		record->length = probe(transfer, len);
		break;
	}
}

static __inline void write_timeouts(struct bpf_iter__io_uring_buf___full *iter, struct list_head___full *list,
				    enum request_place place)
{
	struct record_request *record = only_value(&request_room);
	struct cursor *at = only_value(&cursor);
	struct list_head___full *entry;
	u64 i;

	if (iter->ubuf || !at || !record)
		return;
	entry = at->next ? (void *)at->next : list->next;
	for (i = 0; i < STEPS && entry != list && entry; i++) {
		/* A request begins with what its operation keeps. */
		write_request(iter->meta->seq, record, place,
			      (void *)container_of(entry, struct io_timeout___full, list));
		record_end(iter->meta->seq, record);
		entry = probe(entry, next);
	}
	at->next = entry == list ? 0 : (u64)entry;
}

SEC("iter/io_uring_buf")
int dump_timeouts(struct bpf_iter__io_uring_buf___full *iter)
{
	write_timeouts(iter, &iter->ctx->timeout_list, PLACE_timeout);
	return 0;
}

SEC("iter/io_uring_buf")
int dump_link_timeouts(struct bpf_iter__io_uring_buf___full *iter)
{
	write_timeouts(iter, &iter->ctx->ltimeout_list, PLACE_link_timeout);
	return 0;
}

SEC("iter/io_uring_buf")
int dump_deferred(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_request *record = only_value(&request_room);
	struct io_ring_ctx___full *ctx = iter->ctx;
	struct cursor *at = only_value(&cursor);
	struct list_head___full *entry;
	u64 i;

	if (iter->ubuf || !at || !record)
		return 0;
	entry = at->next ? (void *)at->next : ctx->defer_list.next;
	for (i = 0; i < STEPS && entry != &ctx->defer_list && entry; i++) {
		struct io_defer_entry___full *deferred = container_of(entry, struct io_defer_entry___full, list);

		write_request(iter->meta->seq, record, PLACE_deferred, probe(deferred, req));
		record->sequence = probe(deferred, seq);
		record_end(iter->meta->seq, record);
		entry = probe(entry, next);
	}
	at->next = entry == &ctx->defer_list ? 0 : (u64)entry;
	return 0;
}

/* The largest tables have 2^11 buckets. */
#define BUCKET_MASK 4095

/* What comes behind a request in its chain, which is in no list: `next` is the first of it. */
SEC("iter/io_uring_buf")
int dump_chain(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_request *record = only_value(&request_room);
	struct cursor *at = only_value(&cursor);
	struct io_kiocb___full *req;
	u64 i;

	if (iter->ubuf || !at || !record)
		return 0;
	req = (void *)at->next;
	for (i = 0; i < STEPS && req; i++) {
		write_request(iter->meta->seq, record, PLACE_chain, req);
		record_end(iter->meta->seq, record);
		req = probe(req, link);
	}
	at->next = (u64)req;
	return 0;
}

struct table {
	void *buckets;
	u32 bits;
	u32 stride;
	/* Of the chain in a bucket. */
	u32 offset;
};

/* `more` is the bucket to go on with, plus 1; `next` the request in it, 0 for its first. */
static __inline void write_table(struct bpf_iter__io_uring_buf___full *iter, struct table table)
{
	struct record_request *record = only_value(&request_room);
	struct cursor *at = only_value(&cursor);
	struct hlist_node___full *node;
	u64 bucket;
	u64 i;

	if (iter->ubuf || !at || !record || !table.buckets)
		return;
	bucket = at->more ? (at->more - 1) & BUCKET_MASK : 0;
	node = (void *)at->next;
	if (!at->more)
		bpf_probe_read_kernel(&node, sizeof(node), table.buckets + table.offset);
	for (i = 0; i < STEPS; i++) {
		if (!node) {
			bucket = (bucket + 1) & BUCKET_MASK;
			if (bucket >> table.bits) {
				at->more = 0;
				at->next = 0;
				return;
			}
			bpf_probe_read_kernel(&node, sizeof(node),
					      table.buckets + bucket * table.stride + table.offset);
			continue;
		}
		write_request(iter->meta->seq, record, PLACE_waiting,
			      container_of(node, struct io_kiocb___full, hash_node));
		record_end(iter->meta->seq, record);
		node = probe(node, next);
	}
	at->more = bucket + 1;
	at->next = (u64)node;
}

#define bucket_layout                                                              \
	.stride = __builtin_preserve_type_info(*(struct io_hash_bucket___full *)0, 1), \
	.offset = __builtin_preserve_field_info(((struct io_hash_bucket___full *)0)->list, FIELD_BYTE_OFFSET)

SEC("iter/io_uring_buf")
int dump_waiting(struct bpf_iter__io_uring_buf___full *iter)
{
	struct io_ring_ctx___full *ctx = iter->ctx;

	if (core_field_exists(ctx->cancel_hash)) {
		struct table table = { .buckets = ctx->cancel_hash,
				       .bits = ctx->cancel_hash_bits,
				       .stride = sizeof(struct hlist_head___full *) };

		write_table(iter, table);
	} else {
		struct table table = { .buckets = ctx->cancel_table.hbs,
				       .bits = ctx->cancel_table.hash_bits,
				       bucket_layout };

		write_table(iter, table);
	}
	return 0;
}

/* Since 6.0 requests that only their own task touches stand in a second table. */
SEC("iter/io_uring_buf")
int dump_waiting_locked(struct bpf_iter__io_uring_buf___full *iter)
{
	struct io_ring_ctx___full *ctx = iter->ctx;

	if (core_field_exists(ctx->cancel_table_locked)) {
		struct table table = { .buckets = ctx->cancel_table_locked.hbs,
				       .bits = ctx->cancel_table_locked.hash_bits,
				       bucket_layout };

		write_table(iter, table);
	}
	return 0;
}

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct wait_queue_entry___wake {
	void *private;
	void *func;
	struct list_head___full entry;
};

struct io_wait_queue___full {
	struct wait_queue_entry___wake wq;
	unsigned int cq_tail;
	unsigned int nr_timeouts;
	long long timeout;
	long long min_timeout;
};

#pragma clang attribute pop

extern const void io_wake_function __ksym __weak;

/* Tasks that wait for completions. Before 6.3 those who poll the ring stand in the same queue. */
SEC("iter/io_uring_buf")
int dump_waiters(struct bpf_iter__io_uring_buf___full *iter)
{
	struct record_waiter *record = only_value(&waiter_room);
	struct io_ring_ctx___full *ctx = iter->ctx;
	struct cursor *at = only_value(&cursor);
	struct list_head___full *entry;
	u64 i;

	if (iter->ubuf || !at || !record)
		return 0;
	entry = at->next ? (void *)at->next : ctx->cq_wait.head.next;
	for (i = 0; i < STEPS && entry != &ctx->cq_wait.head && entry; i++) {
		struct io_wait_queue___full *waiting = container_of(entry, struct io_wait_queue___full, wq.entry);
		struct task_struct *task = probe(waiting, wq.private);

		if (task && probe(waiting, wq.func) == &io_wake_function) {
			record_begin(record, waiter);
			record->tid = probe(task, pid);
			record->target = probe(waiting, cq_tail);
			record->timeouts = probe(waiting, nr_timeouts);
			if (core_field_exists(waiting->timeout)) {
				record->has_limits = 1;
				record->limit = probe(waiting, timeout);
				record->minimum = probe(waiting, min_timeout);
			}
			record->now = bpf_ktime_get_ns();
			record_end(iter->meta->seq, record);
		}
		entry = probe(entry, next);
	}
	at->next = entry == &ctx->cq_wait.head ? 0 : (u64)entry;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
