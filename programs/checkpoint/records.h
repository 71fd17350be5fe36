/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What the checkpoint programs write: a stream of records, each a head with its kind and its whole size, fixed members
 * and, for some, bytes behind them. A reader takes the layouts from the BTF of the object (enumerator RECORD_x belongs
 * to struct record_x), so they are written down here only. Pointers are kernel addresses: names of objects, to be
 * compared with each other and with nothing else.
 */
#ifndef DRYDOCK_RECORDS_H
#define DRYDOCK_RECORDS_H

#include "helpers.h"

enum record_kind {
	RECORD_task = 1,
	RECORD_cred = 2,
	RECORD_mm = 3,
	RECORD_ring_fd = 4,
	RECORD_fd = 5,
	RECORD_file = 6,
	RECORD_vma = 7,
	RECORD_watch = 8,
	RECORD_ring = 9,
	RECORD_buffer = 10,
	RECORD_slot = 11,
	RECORD_personality = 12,
	RECORD_group = 13,
	RECORD_provided = 14,
	RECORD_overflow = 15,
	RECORD_request = 16,
	RECORD_waiter = 17,
	RECORD_buffer_page = 18,
	RECORD_group_page = 19,
};

struct record_head {
	enum record_kind kind;
	/* Bytes, with the head and what follows the fixed members; a multiple of 8. */
	u32 size;
};

struct record_task {
	struct record_head head;
	s32 tid, tgid, parent;
	u32 flags;
	u32 exit_state;
	s32 exit_signal;
	char comm[16];
	u64 mm, files, cred, signal;
	u64 nofile, nofile_max, memlock, memlock_max;
	/* Of the task's own io_uring workers, when it has any: processors (1) and limits. */
	u32 has_context;
	u32 workers[2];
	/* References that were taken in advance, and all of them: the others are requests in flight. */
	s32 cached_refs;
	s64 inflight;
	u64 worker_cpus;
};

/* Supplementary groups follow, a u32 each. */
struct record_cred {
	struct record_head head;
	u64 address;
	u32 uid, gid, suid, sgid, euid, egid, fsuid, fsgid;
	u32 securebits;
	u32 groups;
	u64 inheritable, permitted, effective, bounding, ambient;
};

struct record_mm {
	struct record_head head;
	u64 address;
	u64 start_code, end_code, start_data, end_data, start_brk, brk, start_stack;
	u64 arg_start, arg_end, env_start, env_end;
};

/* A ring that a task has registered by index. */
struct record_ring_fd {
	struct record_head head;
	s32 tid;
	u32 index;
	u64 file;
};

struct record_fd {
	struct record_head head;
	s32 tid, tgid;
	u32 fd;
	u32 close_on_exec;
	u64 files, file;
};

enum file_kind {
	FILE_other = 0,
	FILE_regular = 1,
	FILE_eventfd = 2,
	FILE_io_uring = 3,
	FILE_pipe = 4,
	FILE_epoll = 5,
	FILE_socket = 6,
	FILE_pidfd = 7,
};

/* The path follows, up to its NUL. */
struct record_file {
	struct record_head head;
	u64 file;
	enum file_kind what;
	u32 flags;
	u64 position;
	u64 inode;
	u64 ino;
	u64 size;
	u32 mode, links, device, uid, gid, rdev;
	/* What private_data points at: an io_ring_ctx, an eventfd_ctx, ... */
	u64 object;
	/* Of an eventfd: its counter; of a socket: SOCK_*. */
	u64 count;
	/* Of an eventfd: EFD_SEMAPHORE. */
	u32 object_flags;
	/* Bytes, with the NUL; 0 when it is too long. */
	u32 path_size;
	/* Who gets its signals (F_SETOWN): 0 for nobody; what the id is one of; which signal; ids of who said so. */
	s32 owner;
	u32 owner_type, owner_signal, owner_uid, owner_euid;
	u32 reserved;
};

struct record_vma {
	struct record_head head;
	s32 tid, tgid;
	u64 mm;
	u64 start, end, flags, offset;
	u64 file;
};

struct record_watch {
	struct record_head head;
	u64 epoll, file;
	s32 fd;
	u32 events;
	u64 data;
};

struct record_ring {
	struct record_head head;
	u64 address;
	u32 flags;
	u32 compat, restricted, drain_next, drain_active, drain_disabled, off_timeout_used;
	u32 hz;
	u32 sq_entries, cq_entries;
	u32 cached_sq_head, sq_head, sq_tail, sq_dropped, sq_flags;
	u32 cached_cq_tail, cq_head, cq_tail, cq_overflow, cq_flags;
	u32 cq_extra, cq_timeouts, cq_last_flush, cancel_seq, check_cq;
	u32 sq_thread_idle;
	u64 sq_data;
	s32 sq_cpu, sq_pid, sq_tgid;
	s32 submitter;
	u64 sq_creds;
	u32 buffers, files;
	u32 buffers_quiesce, files_quiesce;
	u64 user, mm;
	u32 user_id;
	u32 has_user;
	u64 locked_vm, pinned_vm;
	u32 alloc_start, alloc_end, alloc_hint;
	u32 has_alloc;
	u64 restricted_register, restricted_submit;
	u32 restricted_allowed, restricted_required, restrictions;
	u32 worker_limits_set;
	u32 worker_limits[2];
	/* The counter itself, which may have no file any more. */
	u64 eventfd;
	u64 eventfd_count;
	u32 eventfd_flags;
	u32 eventfd_async, eventfd_tail;
	u32 personality_next;
	u32 clock;
	u32 has_eventfd_tail;
	u64 napi_timeout;
	u32 napi, napi_prefer;
	/* struct page of the first frame of user memory that the two areas stand in, 0 for the kernel's own memory. */
	u64 rings_page, sqes_page;
	/* Lists that are not empty, by enum unlisted. */
	u32 unlisted;
	u32 reserved2;
};

/* What can only be waited for: requests that have handed over all that they were made of. */
enum unlisted {
	UNLISTED_iopoll = 1,
	UNLISTED_futex = 2,
	UNLISTED_waitid = 4,
	UNLISTED_command = 8,
	UNLISTED_zcrx = 16,
};

struct record_buffer {
	struct record_head head;
	u64 index;
	/* The record itself: rings that share a buffer have the same. */
	u64 buffer;
	u64 address, length;
	u32 empty;
	u32 vectors;
	u32 folio_shift;
	u32 references;
	u64 accounted;
	u64 tag;
	/* A driver's own memory. */
	u32 kernel;
	u32 reserved;
};

struct record_slot {
	struct record_head head;
	u64 index;
	u64 file;
	u64 tag;
};

struct record_personality {
	struct record_head head;
	u64 id;
	u64 cred;
};

/* A group with pages is a ring; any other is a list. */
struct record_group {
	struct record_head head;
	u64 id;
	u32 pages;
	u32 entries;
	u32 consumed;
	/* IOBL_*, where the kernel has them */
	u32 flags;
	/* Bytes, less one */
	u32 min_left;
	/* Whether `list` is a buffer itself, and not only the start of the list. */
	u32 list_is_buffer;
	u64 list;
	/* Addresses of struct page */
	u64 page_table;
};

struct record_provided {
	struct record_head head;
	u64 address;
	u32 length;
	u32 id;
};

struct record_overflow {
	struct record_head head;
	u64 user_data;
	s32 result;
	u32 flags;
	u64 extra[2];
};

enum request_place {
	PLACE_timeout = 1,
	PLACE_link_timeout = 2,
	PLACE_deferred = 3,
	PLACE_waiting = 4,
	PLACE_chain = 5,
};

struct record_request {
	struct record_head head;
	u64 request;
	enum request_place place;
	u32 opcode;
	u64 flags;
	u64 user_data;
	u64 file, link, cred;
	s32 tid;
	u32 buffer;
	/* Of timeouts */
	u32 count, target, repeats, mode;
	s64 seconds, nanoseconds, expires;
	u64 bounds;
	/* Of polls, and of reads that wait for their file */
	u32 events;
	u32 sequence;
	/* Of reads and writes */
	u64 address, offset;
	u32 length;
	s32 fd; /* Or the slot, as long as there is no file: it is looked up when the request starts. */
	/* Nanoseconds since boot, as the expiry counts them */
	u64 now;
};

/* A task that waits for completions. */
struct record_waiter {
	struct record_head head;
	s32 tid;
	/* Number of the completion that it waits for, and of timeouts that had fired when it began. */
	u32 target;
	u32 timeouts;
	u32 has_limits;
	/* Nanoseconds since boot: its end, and when fewer are enough; KTIME_MAX for never. */
	s64 limit, minimum;
	u64 now;
};

/* A page of a registered buffer; the contents follow when no mapping shows it where it was registered. */
struct record_buffer_page {
	struct record_head head;
	u64 index;
	u64 vector;
	/* User address that was registered, and the frame behind it. */
	u64 address;
	u64 frame;
	/* Bytes from `start` of the page on belong to the buffer. */
	u32 start;
	u32 length;
	u32 mapped;
	u32 reserved;
};

/* A page of a buffer group's ring: its struct page. */
struct record_group_page {
	struct record_head head;
	u64 index;
	u64 page;
};

#define record_begin(record, name)                                                \
	({                                                                        \
		__builtin_memset(record, 0, sizeof(*(record)));                   \
		(record)->head.kind = RECORD_##name;                              \
		(record)->head.size = sizeof(*(record));                          \
	})

#define record_end(seq, record) bpf_seq_write(seq, record, sizeof(*(record)))

/* Room for a record and for what follows it; the value type also puts the layouts into the object's BTF. */
#define record_map(map_, room_)                               \
	struct {                                              \
		__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);      \
		__uint(max_entries, 1);                       \
		__type(key, u32);                             \
		__type(value, room_);                         \
	} map_ SEC(".maps")

static __inline void *only_value(void *map)
{
	u32 key = 0;

	return bpf_map_lookup_elem(map, &key);
}

#endif
