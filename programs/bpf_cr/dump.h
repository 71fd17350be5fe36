/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Records of the io_uring dump, as the programs write them and a restorer reads them. */
#ifndef DRYDOCK_BPF_CR_DUMP_H
#define DRYDOCK_BPF_CR_DUMP_H

#include "helpers.h"

enum io_uring_dump_type {
	DUMP_SETUP = 0,
	DUMP_EVENTFD = 1,
	DUMP_REG_FD = 2,
	DUMP_REG_BUF = 3,
};

/* reg_fd of an empty slot, and file descriptor of a file that no looked-at task has open. */
#define FD_HOLE (-1)
#define FD_UNKNOWN (-2)

struct io_uring_dump {
	u32 type;
	s32 io_uring_fd;
	/* Last record of this ring. */
	u8 end;
	u8 padding[7];
	union {
		struct {
			u32 flags;
			u32 sq_entries;
			u32 cq_entries;
			s32 sq_thread_cpu;
			/* Milliseconds. */
			s32 sq_thread_idle;
			/* Ring whose SQ thread is shared; 0 without IORING_SETUP_ATTACH_WQ. */
			s32 wq_fd;
		} setup;
		struct {
			s32 eventfd;
			u8 async;
		} eventfd;
		struct {
			s32 reg_fd;
			u64 index;
		} reg_fd;
		struct {
			u64 addr;
			u64 len;
			u64 index;
		} reg_buf;
	} desc;
};

_Static_assert(sizeof(struct io_uring_dump) == 40, "the record is an interface");

#endif
