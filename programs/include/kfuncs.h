/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Kernel functions and helpers that hand out what has to be given back. */
#ifndef DRYDOCK_KFUNCS_H
#define DRYDOCK_KFUNCS_H

#include "kernel.h"

#define BPF_MAP_TYPE_RINGBUF 27

struct bpf_iter_num {
	u64 state;
} __attribute__((aligned(8)));

struct bpf_dynptr {
	u64 state[2];
} __attribute__((aligned(8)));

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void bpf_preempt_disable(void) __ksym;
extern void bpf_preempt_enable(void) __ksym;
extern int bpf_iter_num_new(struct bpf_iter_num *iter, int start, int end) __ksym;
extern int *bpf_iter_num_next(struct bpf_iter_num *iter) __ksym;
extern void bpf_iter_num_destroy(struct bpf_iter_num *iter) __ksym;

static void *(*bpf_ringbuf_reserve)(void *ring, u64 size, u64 flags) = (void *)131;
static void (*bpf_ringbuf_submit)(void *record, u64 flags) = (void *)132;
static void (*bpf_ringbuf_discard)(void *record, u64 flags) = (void *)133;
static long (*bpf_ringbuf_reserve_dynptr)(void *ring, u32 size, u64 flags, struct bpf_dynptr *to) = (void *)198;
static void (*bpf_ringbuf_submit_dynptr)(struct bpf_dynptr *record, u64 flags) = (void *)199;
static long (*bpf_dynptr_write)(struct bpf_dynptr *to, u32 offset, const void *from, u32 size,
				u64 flags) = (void *)202;

#endif
