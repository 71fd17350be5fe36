// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Masks of CPUs and references to tasks, for cpumask.test.ts. */
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
#define __kptr __attribute__((btf_type_tag("kptr")))
#define NULL ((void *)0)

struct cpumask {
	unsigned long bits[128];
} __attribute__((preserve_access_index));

struct bpf_cpumask {
	struct cpumask cpumask;
} __attribute__((preserve_access_index));

struct task_struct {
	int pid;
} __attribute__((preserve_access_index));

extern struct bpf_cpumask *bpf_cpumask_create(void) __ksym;
extern struct bpf_cpumask *bpf_cpumask_acquire(struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_release(struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_set_cpu(u32 cpu, struct bpf_cpumask *mask) __ksym;
extern void bpf_cpumask_clear_cpu(u32 cpu, struct bpf_cpumask *mask) __ksym;
extern _Bool bpf_cpumask_test_cpu(u32 cpu, const struct cpumask *mask) __ksym;
extern _Bool bpf_cpumask_and(struct bpf_cpumask *to, const struct cpumask *a, const struct cpumask *b) __ksym;
extern u32 bpf_cpumask_first(const struct cpumask *mask) __ksym;
extern u32 bpf_cpumask_weight(const struct cpumask *mask) __ksym;
extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static void *(*bpf_kptr_xchg)(void *place, void *object) = (void *)194;

struct slot {
	struct bpf_cpumask __kptr *mask;
};

struct {
	__uint(type, 2);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct slot);
} slots SEC(".maps");

#define mask_of(mask) ((const struct cpumask *)(mask))

/* The CPUs that two masks have in common, in decimal digits: how many, and which is the first. */
SEC("syscall")
int common(void *ctx)
{
	struct bpf_cpumask *a = bpf_cpumask_create(), *b;
	u32 result = 99;

	if (!a)
		return 1;
	b = bpf_cpumask_create();
	if (!b) {
		bpf_cpumask_release(a);
		return 2;
	}
	bpf_cpumask_set_cpu(1, a);
	bpf_cpumask_set_cpu(2, a);
	bpf_cpumask_set_cpu(3, a);
	bpf_cpumask_clear_cpu(1, a);
	bpf_cpumask_set_cpu(2, b);
	bpf_cpumask_set_cpu(3, b);
	bpf_cpumask_set_cpu(1, b);
	if (bpf_cpumask_and(a, mask_of(a), mask_of(b)) && !bpf_cpumask_test_cpu(1, mask_of(a)))
		result = bpf_cpumask_weight(mask_of(a)) * 10 + bpf_cpumask_first(mask_of(a));
	bpf_cpumask_release(a);
	bpf_cpumask_release(b);
	return result;
}

/* The map owns a mask when that is over, however often it runs. */
SEC("syscall")
int stash(void *ctx)
{
	u32 key = 0;
	struct slot *slot = bpf_map_lookup_elem(&slots, &key);
	struct bpf_cpumask *mask, *again;

	if (!slot)
		return 1;
	mask = bpf_cpumask_create();
	if (!mask)
		return 2;
	again = bpf_cpumask_acquire(mask);
	bpf_cpumask_release(again);
	mask = bpf_kptr_xchg(&slot->mask, mask);
	if (mask)
		bpf_cpumask_release(mask);
	return 0;
}

SEC("syscall")
int pid_of_task(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(7), *again;
	int pid;

	if (!task)
		return -1;
	again = bpf_task_acquire(task);
	bpf_task_release(task);
	if (!again)
		return -2;
	pid = again->pid;
	bpf_task_release(again);
	return pid;
}

char _license[] SEC("license") = "GPL";
