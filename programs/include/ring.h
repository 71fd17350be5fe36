/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * All of an io_uring instance that programs look into: more than kernel.h, whose types stay as small as the simple
 * iterators need them. Members that not every kernel has are marked; guard them with core_field_exists.
 */
#ifndef DRYDOCK_RING_H
#define DRYDOCK_RING_H

#include "io_uring.h"

#define IORING_SETUP_SQE128 (1U << 10)
#define IORING_SETUP_CQE32 (1U << 11)
#define IORING_SETUP_NO_MMAP (1U << 14)
#define IORING_SETUP_NO_SQARRAY (1U << 16)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct io_uring___full {
	u32 head;
	u32 tail;
};

struct io_uring_cqe___full {
	u64 user_data;
	s32 res;
	u32 flags;
};

struct io_uring_sqe___full {
	u8 opcode;
	u64 user_data;
};

struct io_rings___full {
	struct io_uring___full sq, cq;
	u32 sq_ring_mask;
	u32 cq_ring_mask;
	u32 sq_dropped;
	u32 sq_flags;
	u32 cq_flags;
	u32 cq_overflow;
	struct io_uring_cqe___full cqes[];
};

struct atomic___full {
	int counter;
};

/* Since 6.1 the flags are set atomically. */
struct io_rings___atomic {
	struct atomic___full sq_flags;
};

struct list_head___full {
	struct list_head___full *next;
};

struct hlist_node___full {
	struct hlist_node___full *next;
};

struct hlist_head___full {
	struct hlist_node___full *first;
};

struct wait_queue_head___full {
	struct list_head___full head;
};

struct wait_queue_entry___full {
	void *private;
	struct list_head___full entry;
};

struct io_wq_work_list___full {
	void *first;
};

struct xarray___full {
	void *xa_head;
};

struct xa_node___full {
	u8 shift;
	void *slots[64];
};

struct io_overflow_cqe___full {
	struct list_head___full list;
	struct io_uring_cqe___full cqe;
};

struct io_rsrc_data___full {
	u64 **tags;
	unsigned int nr;
	_Bool quiesce;
};

struct io_restriction___full {
	unsigned long register_op[1];
	unsigned long sqe_op[1];
	u8 sqe_flags_allowed;
	u8 sqe_flags_required;
	_Bool registered;
};

struct io_file_table___full {
	unsigned int alloc_hint;
};

struct io_sq_data___full {
	int sq_cpu;
	int task_pid;
	int task_tgid;
	unsigned int sq_thread_idle;
};

struct user_struct___full {
	struct {
		u32 val;
	} uid;
	struct {
		s64 counter;
	} locked_vm;
};

struct mm_struct___full {
	struct {
		s64 counter;
	} pinned_vm;
};

struct io_ev_fd___full {
	struct eventfd_ctx *cq_ev_fd;
	unsigned int eventfd_async : 1;
};

struct io_mapped_ubuf___full {
	unsigned long acct_pages;
	unsigned int folio_shift; /* since 6.12 */
	_Bool is_kbuf; /* since 6.15 */
	struct {
		struct atomic___full refs;
	} refs; /* since 6.12 */
};

struct io_buffer___full {
	struct list_head___full list;
	u64 addr;
	u32 len;
	u16 bid;
};

struct io_buffer_list___full {
	struct list_head___full buf_list;
	struct page **buf_pages;
	u16 bgid;
	u16 buf_nr_pages;
	u16 nr_entries;
	u16 head;
	u16 mask;
	u16 flags; /* since 6.10 or so: the kind of ring; before, any group with pages is a ring */
	u32 min_left_sub_one; /* since 6.12 */
};

struct timespec64___full {
	s64 tv_sec;
	long tv_nsec;
};

struct timerqueue_node___full {
	s64 expires;
};

struct hrtimer___full {
	struct timerqueue_node___full node;
};

struct io_timeout_data___full {
	struct hrtimer___full timer;
	struct timespec64___full ts;
	u32 flags;
};

struct io_cqe___full {
	u64 user_data;
	s32 fd; /* until the file is looked up */
};

struct kiocb___full {
	s64 ki_pos;
	int ki_flags;
};

/* What an io_kiocb begins with, by its operation. */
struct io_rw___full {
	struct kiocb___full kiocb;
	u64 addr;
	u32 len;
};

struct io_timeout___full {
	u32 off;
	u32 target_seq;
	u32 repeats; /* since 6.4 */
	struct list_head___full list;
	struct io_kiocb___full *head;
};

struct io_poll___full {
	u32 events;
};

/* Before 5.18. */
struct io_poll_iocb___full {
	u32 events;
};

struct io_kiocb___full {
	struct file *file;
	u8 opcode;
	u16 buf_index;
	u64 flags;
	u64 user_data; /* before 5.19 */
	struct io_cqe___full cqe; /* since */
	struct io_timeout_data___full *async_data;
	struct hlist_node___full hash_node;
	void *apoll;
	struct io_kiocb___full *link;
	const struct cred *creds;
	struct task_struct *task;
};

struct io_defer_entry___full {
	struct list_head___full list;
	struct io_kiocb___full *req;
	u32 seq;
};

struct io_hash_bucket___full {
	struct hlist_head___full list;
};

struct io_hash_table___full {
	struct io_hash_bucket___full *hbs;
	unsigned int hash_bits;
};

struct io_ring_ctx___full {
	struct list_head___full timeout_list;
	struct list_head___full ltimeout_list;
	struct list_head___full defer_list;
	struct io_rings___full *rings;
	unsigned int flags;
	unsigned int compat : 1;
	unsigned int drain_next : 1;
	unsigned int restricted : 1;
	unsigned int off_timeout_used : 1;
	unsigned int drain_active : 1;
	unsigned int drain_disabled : 1;
	unsigned int eventfd_async : 1;
	unsigned int iowq_limits_set : 1;
	u32 *sq_array;
	struct io_uring_sqe___full *sq_sqes;
	unsigned int cached_sq_head;
	unsigned int sq_entries;
	unsigned int cached_cq_tail;
	unsigned int cq_entries;
	unsigned int cq_extra;
	struct atomic___full cq_timeouts;
	unsigned int cq_last_tm_flush;
	struct atomic___full cancel_seq;
	unsigned int nr_user_files;
	unsigned int nr_user_bufs;
	struct io_mapped_ubuf **user_bufs;
	struct list_head___full cq_overflow_list;
	struct io_file_table___full file_table;
	unsigned int file_alloc_start;
	unsigned int file_alloc_end;
	struct io_rsrc_data___full *file_data;
	struct io_rsrc_data___full *buf_data;
	struct io_restriction___full restrictions;
	u32 pers_next;
	struct xarray___full personalities;
	struct xarray___full io_buffers; /* before 5.19 */
	struct io_buffer_list___full *io_bl; /* 5.19 to 6.7: groups below 64 */
	struct xarray___full io_bl_xa; /* since 5.19 */
	struct hlist_head___full *cancel_hash; /* before 6.0 */
	unsigned int cancel_hash_bits;
	struct io_hash_table___full cancel_table; /* since */
	struct io_hash_table___full cancel_table_locked;
	struct wait_queue_head___full cq_wait;
	u32 iowq_limits[2];
	unsigned int sq_thread_idle;
	struct io_sq_data___full *sq_data;
	const struct cred *sq_creds;
	struct task_struct *submitter_task;
	struct eventfd_ctx *cq_ev_fd;
	struct io_ev_fd___full *io_ev_fd;
	unsigned int evfd_last_cq_tail;
	struct user_struct___full *user;
	struct mm_struct___full *mm_account;
	int clockid;
	s64 napi_busy_poll_dt;
	_Bool napi_prefer_busy_poll;
	_Bool napi_enabled;
	unsigned long check_cq;
	unsigned long check_cq_overflow;
	struct io_wq_work_list___full iopoll_list;
	struct hlist_head___full futex_list; /* since 6.7 */
	struct hlist_head___full waitid_list;
	struct hlist_head___full cancelable_uring_cmd;
	struct xarray___full zcrx_ctxs; /* since 6.15 */
	struct page **ring_pages; /* since 6.5 */
	struct page **sqe_pages;
};

/* The record of the buffer iterator, with all of the ring. */
struct bpf_iter__io_uring_buf___full {
	struct bpf_iter_meta *meta;
	struct io_ring_ctx___full *ctx;
	struct io_mapped_ubuf *ubuf;
	u64 index;
};

#pragma clang attribute pop

/* The object around a member. */
#define container_of(member, type, field) \
	((type *)((u64)(member) - __builtin_preserve_field_info(((type *)0)->field, FIELD_BYTE_OFFSET)))

static __inline u64 request_data(struct io_kiocb___full *req)
{
	if (core_field_exists(req->user_data))
		return probe(req, user_data);
	return probe(req, cqe.user_data);
}

static __inline u32 ring_sq_flags(struct io_rings___full *rings)
{
	struct io_rings___atomic *atomic = (void *)rings;

	if (core_field_exists(atomic->sq_flags.counter))
		return atomic->sq_flags.counter;
	return rings->sq_flags;
}

/* Tags stand in pages of 512. */
#define TAGS_PER_PAGE 512

static __inline u64 resource_tag(struct io_rsrc_data___full *data, u64 index)
{
	u64 *page = NULL, tag = 0;

	if (!data || !data->tags)
		return 0;
	bpf_probe_read_kernel(&page, sizeof(page), (void *)data->tags + index / TAGS_PER_PAGE * sizeof(page));
	bpf_probe_read_kernel(&tag, sizeof(tag), page + index % TAGS_PER_PAGE);
	return tag;
}

#endif
