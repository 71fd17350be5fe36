/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Kernel types as far as the iterators here look into them. Only the names matter: preserve_access_index
 * has the loader put in the running kernel's offsets, so the order, the gaps, and members that exist only in
 * some versions (guard those with core_field_exists) are of no consequence.
 */
#ifndef DRYDOCK_KERNEL_H
#define DRYDOCK_KERNEL_H

#include "helpers.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

/* Files */

struct dentry;
struct vfsmount;

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct inode {
	unsigned long i_ino;
};

struct file {
	const void *f_op;
	struct inode *f_inode;
	void *private_data;
	struct path f_path;
	long long f_pos;
	unsigned int f_flags;
};

/* Tasks and their memory */

struct cred {
	struct {
		u32 val;
	} uid;
};

struct mm_struct;

struct vm_area_struct {
	unsigned long vm_start;
	unsigned long vm_end;
	unsigned long vm_flags;
	unsigned long vm_pgoff;
	struct file *vm_file;
};

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
	const struct cred *cred;
	struct mm_struct *mm;
	char comm[16];
};

/* io_uring */

struct page {
	unsigned long flags;
};

struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len;
	unsigned int bv_offset;
};

struct io_mapped_ubuf {
	u64 ubuf;
	u64 ubuf_end; /* before 6.7 */
	unsigned int len; /* since */
	unsigned int nr_bvecs;
	struct bio_vec bvec[];
};

struct io_sq_data {
	unsigned int sq_thread_idle;
	int sq_cpu;
};

struct eventfd_ctx;

struct io_ev_fd {
	struct eventfd_ctx *cq_ev_fd;
	unsigned int eventfd_async : 1;
};

struct io_ring_ctx {
	unsigned int flags;
	unsigned int eventfd_async : 1; /* before 5.18 */
	unsigned int sq_entries;
	unsigned int cq_entries;
	unsigned int nr_user_files;
	unsigned int nr_user_bufs;
	struct io_sq_data *sq_data;
	struct eventfd_ctx *cq_ev_fd; /* before 5.18 */
	struct io_ev_fd *io_ev_fd; /* since */
};

/* epoll */

struct rb_node;

struct rb_root {
	struct rb_node *rb_node;
};

struct rb_root_cached {
	struct rb_root rb_root;
};

struct eventpoll {
	struct rb_root_cached rbr;
};

struct epoll_filefd {
	struct file *file;
	int fd;
};

struct epitem {
	struct epoll_filefd ffd;
};

/* BPF maps */

enum bpf_map_type {
	BPF_MAP_TYPE_UNSPEC,
};

struct bpf_map {
	u32 id;
	enum bpf_map_type map_type;
	u32 key_size;
	u32 value_size;
	u32 max_entries;
	char name[16];
};

#pragma clang attribute pop

/*
 * Context records of the iterators: one 8-byte slot for each argument of the target's function, in order.
 * They are part of a target's interface, so their offsets are not relocated.
 */

struct bpf_iter__io_uring_buf {
	struct bpf_iter_meta *meta;
	struct io_ring_ctx *ctx;
	struct io_mapped_ubuf *ubuf;
	u64 index;
};

struct bpf_iter__io_uring_file {
	struct bpf_iter_meta *meta;
	struct io_ring_ctx *ctx;
	struct file *file;
	u64 index;
};

struct bpf_iter__epoll {
	struct bpf_iter_meta *meta;
	struct eventpoll *ep;
	struct epitem *epi;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

struct bpf_iter__task_vma {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct vm_area_struct *vma;
};

struct bpf_iter__bpf_map {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

/*
 * Instruction sets before v3 compare 64 bits only, and clang then checks a shifted copy of a u32, or takes several tests
 * for one: the verifier can follow neither. There a size is a u64, and a condition is settled before it is used.
 */
#if __BPF_CPU_VERSION__ < 3
typedef u64 checked_size;
#define settled(condition) ({ u64 is_settled = (condition); asm volatile("" : "+r"(is_settled)); is_settled; })
#else
typedef u32 checked_size;
#define settled(condition) (condition)
#endif

#endif
