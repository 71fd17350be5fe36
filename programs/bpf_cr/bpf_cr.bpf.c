/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Dumps what is needed to set up a task's io_uring instances again. Three passes share one map:
 *
 *   find_fds    over open files: which descriptor stands for which kernel object
 *   dump_files  over a ring's file table: SETUP, EVENTFD and REG_FD records
 *   dump_bufs   over a ring's buffer table: REG_BUF records
 *
 * The last record of a ring, over both of its passes, has `end` set.
 */
#include "io_uring.h"
#include "dump.h"

#define IORING_SETUP_SQPOLL (1U << 1)
#define IORING_SETUP_SQ_AFF (1U << 2)
#define IORING_SETUP_ATTACH_WQ (1U << 5)

/* Process whose descriptors the records name; 0 takes every process, the lowest first. */
const volatile u32 target_tgid = 0;

/* The kernel keeps the idle time in clock ticks. */
extern int CONFIG_HZ __kconfig __weak;

extern const void eventfd_fops __ksym;
extern const void io_uring_fops __ksym;

/* Address of a file, an eventfd_ctx, an io_ring_ctx or an io_sq_data -> lowest descriptor that stands for it. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__type(key, u64);
	__type(value, s32);
} fd_of SEC(".maps");

static __inline void note(const void *object, s32 fd)
{
	u64 key = (u64)object;

	bpf_map_update_elem(&fd_of, &key, &fd, BPF_NOEXIST);
}

static __inline s32 find(const void *object)
{
	u64 key = (u64)object;
	s32 *fd = bpf_map_lookup_elem(&fd_of, &key);

	return fd ? *fd : FD_UNKNOWN;
}

/* private_data has no type, so what lies behind it is copied instead of dereferenced. */
#define read_field(object, field)                                                             \
	({                                                                                    \
		typeof((object)->field) value_ = 0;                                           \
		bpf_probe_read_kernel(&value_, sizeof(value_),                                \
				      __builtin_preserve_access_index(&(object)->field));     \
		value_;                                                                       \
	})

SEC("iter/task_file")
int find_fds(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	s32 fd = ctx->fd;

	if (!task || !file)
		return 0;
	if (target_tgid && task->tgid != target_tgid)
		return 0;

	note(file, fd);
	if (file->f_op == &eventfd_fops) {
		note(file->private_data, fd);
	} else if (file->f_op == &io_uring_fops) {
		struct io_ring_ctx *ring = file->private_data;

		note(ring, fd);
		/* Only the ring that started the SQ thread can be given as wq_fd when it is set up again. */
		if (!(read_field(ring, flags) & IORING_SETUP_ATTACH_WQ)) {
			struct io_sq_data *sq_data = read_field(ring, sq_data);

			if (sq_data)
				note(sq_data, fd);
		}
	}
	return 0;
}

static __inline void emit(struct seq_file *seq, struct io_uring_dump *record)
{
	bpf_seq_write(seq, record, sizeof(*record));
}

static __inline void dump_setup(struct seq_file *seq, struct io_ring_ctx *ring, s32 fd, int end)
{
	struct io_uring_dump record = { .type = DUMP_SETUP, .io_uring_fd = fd, .end = end };
	u32 flags = ring->flags;

	record.desc.setup.flags = flags;
	record.desc.setup.sq_entries = ring->sq_entries;
	record.desc.setup.cq_entries = ring->cq_entries;
	if (flags & IORING_SETUP_SQPOLL) {
		u32 hz = CONFIG_HZ ? CONFIG_HZ : 1000;

		record.desc.setup.sq_thread_idle = (u64)ring->sq_data->sq_thread_idle * 1000 / hz;
		/* Without the flag the field holds no request but what the thread happened to run on. */
		if (flags & IORING_SETUP_SQ_AFF)
			record.desc.setup.sq_thread_cpu = ring->sq_data->sq_cpu;
	}
	if (flags & IORING_SETUP_ATTACH_WQ)
		record.desc.setup.wq_fd = find(ring->sq_data);
	emit(seq, &record);
}

/* The registered eventfd, NULL when there is none. */
static __inline struct eventfd_ctx *ring_eventfd(struct io_ring_ctx *ring, int *async)
{
	if (core_field_exists(ring->cq_ev_fd)) {
		*async = core_bitfield(ring, eventfd_async);
		return ring->cq_ev_fd;
	}
	*async = core_bitfield(ring->io_ev_fd, eventfd_async);
	return ring->io_ev_fd->cq_ev_fd;
}

SEC("iter/io_uring_file")
int dump_files(struct bpf_iter__io_uring_file *ctx)
{
	struct io_ring_ctx *ring = ctx->ctx;
	struct seq_file *seq = ctx->meta->seq;
	struct file *file = ctx->file;
	u32 files = ring->nr_user_files;
	int has_buffers = ring->nr_user_bufs > 0;
	s32 fd = find(ring);
	u64 index = ctx->index;

	/* Slot 0, or the closing call of an empty table. */
	if (ctx->meta->seq_num == 0 && index == 0) {
		int async = 0;
		struct eventfd_ctx *eventfd = ring_eventfd(ring, &async);
		int alone = files == 0 && !has_buffers;

		dump_setup(seq, ring, fd, settled(alone) && !eventfd);
		if (eventfd) {
			struct io_uring_dump record = { .type = DUMP_EVENTFD, .io_uring_fd = fd, .end = alone };

			record.desc.eventfd.eventfd = find(eventfd);
			record.desc.eventfd.async = async;
			emit(seq, &record);
		}
	}
	/* Holes need no record but for the last slot, which gives the table its size. */
	if (index < files && (file || index + 1 == files)) {
		struct io_uring_dump record = { .type = DUMP_REG_FD, .io_uring_fd = fd };

		record.end = index + 1 == files && !has_buffers;
		record.desc.reg_fd.reg_fd = file ? find(file) : FD_HOLE;
		record.desc.reg_fd.index = index;
		emit(seq, &record);
	}
	return 0;
}

SEC("iter/io_uring_buf")
int dump_bufs(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_ring_ctx *ring = ctx->ctx;
	struct io_mapped_ubuf *ubuf = ctx->ubuf;
	struct io_uring_dump record = { .type = DUMP_REG_BUF };

	if (!ubuf)
		return 0;
	record.io_uring_fd = find(ring);
	record.end = ctx->index + 1 == ring->nr_user_bufs;
	record.desc.reg_buf.index = ctx->index;
	/* An empty slot is registered again as {NULL, 0}. */
	if (!ubuf_is_empty(ubuf)) {
		record.desc.reg_buf.addr = ubuf->ubuf;
		record.desc.reg_buf.len = ubuf_length(ubuf);
	}
	emit(ctx->meta->seq, &record);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
