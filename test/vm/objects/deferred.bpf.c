/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Timers and work queues in values of maps. Each program writes to `log` what it was answered, and each callback
 * what it was called with, at what time; deferred.test.ts reads it.
 */
#include "helpers.h"

#define BPF_MAP_TYPE_LRU_HASH 9
#define CLOCK_MONOTONIC 1
#define TIMER_ABS 1

struct bpf_timer {
	u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_wq {
	u64 opaque[2];
} __attribute__((aligned(8)));

static long (*bpf_timer_init)(struct bpf_timer *timer, void *map, u64 flags) = (void *)169;
static long (*bpf_timer_set_callback)(struct bpf_timer *timer, void *fn) = (void *)170;
static long (*bpf_timer_start)(struct bpf_timer *timer, u64 nsecs, u64 flags) = (void *)171;
static long (*bpf_timer_cancel)(struct bpf_timer *timer) = (void *)172;
static long (*delete_elem)(void *map, const void *key) = (void *)3;
static u64 (*ktime)(void) = (void *)5;

extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*fn)(void *map, int *key, void *value),
				    unsigned int flags, void *aux) __ksym;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym;

struct value {
	u64 data;
	struct bpf_timer timer;
	struct bpf_wq work;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct value);
} array SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 100);
	__type(key, u32);
	__type(value, struct value);
} hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct value);
} lru SEC(".maps");

#define ENTRIES 64
s64 log[ENTRIES];
u32 logged;
/* What a test sets: nanoseconds of a timer, and of one that arms itself again. */
u64 delay;
u64 period;

static void note(s64 what)
{
	u32 at = logged++;

	if (at < ENTRIES)
		log[at] = what;
}

/* Notes 1000 * its number + the key, and the time. */
#define CALLBACK(name, number)                                          \
	static int name(void *map, int *key, struct value *value)       \
	{                                                               \
		note(number * 1000 + *key);                             \
		note(ktime());                                          \
		value->data++;                                          \
		return 0;                                               \
	}
CALLBACK(first, 1)
CALLBACK(second, 2)

static int again(void *map, int *key, struct value *value)
{
	value->data++;
	note(bpf_timer_start(&value->timer, period, 0));
	return 0;
}

static int cancels_itself(void *map, int *key, struct value *value)
{
	note(bpf_timer_cancel(&value->timer));
	return 0;
}

static int deletes_itself(void *map, int *key, struct value *value)
{
	note(3000 + *key);
	note(delete_elem(&hash, key));
	return 0;
}

static int starts_work(void *map, int *key, struct value *value)
{
	note(4000 + *key);
	note(bpf_wq_start(&value->work, 0));
	return 0;
}

static int work_done(void *map, int *key, void *value)
{
	note(5000 + *key);
	((struct value *)value)->data += 100;
	return 0;
}

static struct value *at(void *map, u32 key)
{
	return bpf_map_lookup_elem(map, &key);
}

SEC("tc")
int timer_answers(void *ctx)
{
	struct value *value = at(&array, 1);

	if (!value)
		return 1;
	note(bpf_timer_set_callback(&value->timer, first));
	note(bpf_timer_start(&value->timer, 1, 0));
	note(bpf_timer_cancel(&value->timer));
	note(bpf_timer_init(&value->timer, &array, 2));
	note(bpf_timer_init(&value->timer, &array, 16 + CLOCK_MONOTONIC));
	note(bpf_timer_init(&value->timer, &array, CLOCK_MONOTONIC));
	note(bpf_timer_init(&value->timer, &array, CLOCK_MONOTONIC));
	note(bpf_timer_start(&value->timer, 1, 0));
	note(bpf_timer_set_callback(&value->timer, first));
	note(bpf_timer_start(&value->timer, 1, 4));
	note(bpf_timer_cancel(&value->timer));
	note(bpf_timer_start(&value->timer, 1, 0));
	note(bpf_timer_set_callback(&value->timer, first));
	note(bpf_timer_start(&value->timer, 1, 0));
	note(bpf_timer_cancel(&value->timer));
	return 0;
}

SEC("tc")
int work_answers(void *ctx)
{
	struct value *value = at(&array, 1);

	if (!value)
		return 1;
	note(bpf_wq_set_callback_impl(&value->work, work_done, 0, NULL));
	note(bpf_wq_start(&value->work, 0));
	note(bpf_wq_init(&value->work, &array, 1));
	note(bpf_wq_init(&value->work, &array, 0));
	note(bpf_wq_init(&value->work, &array, 0));
	note(bpf_wq_start(&value->work, 0));
	note(bpf_wq_set_callback_impl(&value->work, work_done, 1, NULL));
	note(bpf_wq_set_callback_impl(&value->work, work_done, 0, NULL));
	note(bpf_wq_start(&value->work, 1));
	note(bpf_wq_start(&value->work, 0));
	note(bpf_wq_start(&value->work, 0));
	return 0;
}

#define ARM(map, value, fn, nsecs, flags)                                    \
	(bpf_timer_init(&(value)->timer, &map, CLOCK_MONOTONIC) ||           \
	 bpf_timer_set_callback(&(value)->timer, fn) ||                      \
	 bpf_timer_start(&(value)->timer, nsecs, flags))

SEC("tc")
int in_order(void *ctx)
{
	struct value *a = at(&array, 0), *b = at(&array, 1), *c = at(&array, 2);

	if (!a || !b || !c)
		return 1;
	if (ARM(array, a, first, 3000, 0) || ARM(array, b, second, 1000, 0))
		return 2;
	if (ARM(array, c, first, ktime() + 2000, TIMER_ABS))
		return 3;
	if (bpf_wq_init(&a->work, &array, 0) || bpf_wq_set_callback_impl(&a->work, work_done, 0, NULL) ||
	    bpf_wq_start(&a->work, 0))
		return 4;
	return 0;
}

SEC("tc")
int after_delay(void *ctx)
{
	struct value *value = at(&array, 3);

	return !value || ARM(array, value, first, delay, 0);
}

SEC("tc")
int periodic(void *ctx)
{
	struct value *value = at(&array, 0);

	return !value || ARM(array, value, again, period, 0);
}

SEC("tc")
int cancel_inside(void *ctx)
{
	struct value *value = at(&array, 0);

	return !value || ARM(array, value, cancels_itself, 1, 0);
}

SEC("tc")
int work_of_timer(void *ctx)
{
	struct value *value = at(&array, 2);

	if (!value || bpf_wq_init(&value->work, &array, 0) ||
	    bpf_wq_set_callback_impl(&value->work, work_done, 0, NULL))
		return 1;
	return ARM(array, value, starts_work, 1, 0);
}

SEC("tc")
int in_hash(void *ctx)
{
	struct value fresh = {}, *value;

	for (u64 i = 7; i < 10; i++) {
		u32 key = i;

		if (bpf_map_update_elem(&hash, &key, &fresh, 0))
			return 1;
		value = at(&hash, key);
		if (!value || ARM(hash, value, first, 1000 - key, 0))
			return 2;
	}
	/* One is deleted, one replaced: both lose their timers, and the new one can be set up again. */
	u32 deleted = 8, replaced = 9;

	note(delete_elem(&hash, &deleted));
	note(bpf_map_update_elem(&hash, &replaced, &fresh, 0));
	value = at(&hash, 9);
	if (!value)
		return 3;
	note(bpf_timer_start(&value->timer, 1, 0));
	note(bpf_timer_init(&value->timer, &hash, CLOCK_MONOTONIC));
	return 0;
}

SEC("tc")
int overwritten_in_array(void *ctx)
{
	struct value fresh = {}, *value = at(&array, 0);
	u32 key = 0;

	if (!value || ARM(array, value, first, 1000, 0))
		return 1;
	note(bpf_map_update_elem(&array, &key, &fresh, 0));
	note(bpf_timer_init(&value->timer, &array, CLOCK_MONOTONIC));
	return 0;
}

SEC("tc")
int evicted(void *ctx)
{
	struct value fresh = {}, *value;

	for (u64 i = 0; i < 6; i++) {
		u32 key = i;

		if (bpf_map_update_elem(&lru, &key, &fresh, 0))
			return 1;
		value = at(&lru, key);
		if (!value || ARM(lru, value, first, 1000 + key, 0))
			return 2;
	}
	return 0;
}

SEC("tc")
int delete_inside(void *ctx)
{
	struct value fresh = {}, *value;
	u32 key = 5;

	if (bpf_map_update_elem(&hash, &key, &fresh, 0))
		return 1;
	value = at(&hash, key);
	return !value || ARM(hash, value, deletes_itself, 1, 0);
}

char _license[] SEC("license") = "GPL";
