// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/* Objects in a tree, in a list and behind kptrs, for graph.test.ts: each program does one thing to them. */
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section(name), used))
#define __ksym __attribute__((section(".ksyms")))
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name
#define __kptr __attribute__((btf_type_tag("kptr")))
#define __percpu_kptr __attribute__((btf_type_tag("percpu_kptr")))
#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))
#define __private(name) SEC(".bss." #name) __attribute__((aligned(8), visibility("hidden")))
#define NULL ((void *)0)
#define offsetof(type, member) __builtin_offsetof(type, member)
#define container_of(pointer, type, member) ((type *)((void *)(pointer) - offsetof(type, member)))
#define bpf_obj_new(type) ((type *)bpf_obj_new_impl(__builtin_btf_type_id(*(type *)0, 0), NULL))

struct bpf_spin_lock {
	u32 value;
};

struct bpf_list_head {
	u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_list_node {
	u64 opaque[3];
} __attribute__((aligned(8)));

struct bpf_rb_root {
	u64 opaque[2];
} __attribute__((aligned(8)));

struct bpf_rb_node {
	u64 opaque[4];
} __attribute__((aligned(8)));

struct bpf_refcount {
	u32 opaque[1];
} __attribute__((aligned(4)));

extern void *bpf_obj_new_impl(u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern void *bpf_refcount_acquire_impl(void *object, void *meta) __ksym;
extern void *bpf_percpu_obj_new_impl(u64 type, void *meta) __ksym;
extern void bpf_percpu_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta,
				    u64 offset) __ksym;
extern int bpf_list_push_back_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta,
				   u64 offset) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       _Bool (*less)(struct bpf_rb_node *, const struct bpf_rb_node *), void *meta,
			       u64 offset) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*bpf_map_delete_elem)(void *map, const void *key) = (void *)3;
static void (*bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static void (*bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
static void *(*bpf_per_cpu_ptr)(const void *object, u32 cpu) = (void *)153;
static void *(*bpf_this_cpu_ptr)(const void *object) = (void *)154;
static void *(*bpf_kptr_xchg)(void *place, void *object) = (void *)194;

struct counter {
	u64 value;
};

struct item {
	u64 key;
	struct bpf_rb_node in_tree;
	struct bpf_list_node in_list;
	struct bpf_refcount references;
};

struct slot {
	struct item __kptr *item;
	struct counter __percpu_kptr *counter;
};

struct {
	__uint(type, 1);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, struct slot);
} slots SEC(".maps");

__private(A) struct bpf_spin_lock lock;
__private(A) struct bpf_rb_root tree __contains(item, in_tree);
__private(A) struct bpf_list_head list __contains(item, in_list);

/* Arguments of a program, and what it has found. */
struct {
	u64 key;
	u64 found;
	u64 compared;
} shared;

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	shared.compared++;
	return container_of(a, struct item, in_tree)->key < container_of(b, struct item, in_tree)->key;
}

static int add(struct item *item)
{
	int error;

	bpf_spin_lock(&lock);
	error = bpf_rbtree_add_impl(&tree, &item->in_tree, less, NULL, 0);
	bpf_spin_unlock(&lock);
	return error;
}

static int push(struct item *item, _Bool back)
{
	int error;

	bpf_spin_lock(&lock);
	if (back)
		error = bpf_list_push_back_impl(&list, &item->in_list, NULL, 0);
	else
		error = bpf_list_push_front_impl(&list, &item->in_list, NULL, 0);
	bpf_spin_unlock(&lock);
	return error;
}

static struct item *new_item(void)
{
	struct item *item = bpf_obj_new(struct item);

	if (item)
		item->key = shared.key;
	return item;
}

SEC("tc")
int add_to_tree(void *ctx)
{
	struct item *item = new_item();

	return item ? add(item) : 1;
}

SEC("tc")
int take_first(void *ctx)
{
	struct bpf_rb_node *node;

	bpf_spin_lock(&lock);
	node = bpf_rbtree_first(&tree);
	if (!node) {
		bpf_spin_unlock(&lock);
		return 1;
	}
	node = bpf_rbtree_remove(&tree, node);
	bpf_spin_unlock(&lock);
	if (!node)
		return 2;
	shared.found = container_of(node, struct item, in_tree)->key;
	bpf_obj_drop_impl(container_of(node, struct item, in_tree), NULL);
	return 0;
}

SEC("tc")
int push_front(void *ctx)
{
	struct item *item = new_item();

	return item ? push(item, 0) : 1;
}

SEC("tc")
int push_back(void *ctx)
{
	struct item *item = new_item();

	return item ? push(item, 1) : 1;
}

static int took(struct bpf_list_node *node)
{
	if (!node)
		return 1;
	shared.found = container_of(node, struct item, in_list)->key;
	bpf_obj_drop_impl(container_of(node, struct item, in_list), NULL);
	return 0;
}

SEC("tc")
int pop_front(void *ctx)
{
	struct bpf_list_node *node;

	bpf_spin_lock(&lock);
	node = bpf_list_pop_front(&list);
	bpf_spin_unlock(&lock);
	return took(node);
}

SEC("tc")
int pop_back(void *ctx)
{
	struct bpf_list_node *node;

	bpf_spin_lock(&lock);
	node = bpf_list_pop_back(&list);
	bpf_spin_unlock(&lock);
	return took(node);
}

/* The second push finds the node on the list, and its reference is gone all the same. */
SEC("tc")
int push_twice(void *ctx)
{
	struct item *item = new_item();
	struct item *again;

	if (!item)
		return 1;
	again = bpf_refcount_acquire_impl(item, NULL);
	if (push(item, 1)) {
		bpf_obj_drop_impl(again, NULL);
		return 2;
	}
	return push(again, 0);
}

/* One item in the tree, in the list, and behind a kptr of the slot with its key. */
SEC("tc")
int put_everywhere(void *ctx)
{
	u32 index = shared.key;
	struct slot *slot;
	struct slot empty = {};
	struct item *item, *second, *third;

	bpf_map_update_elem(&slots, &index, &empty, 0);
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 1;
	item = new_item();
	if (!item)
		return 2;
	second = bpf_refcount_acquire_impl(item, NULL);
	third = bpf_refcount_acquire_impl(item, NULL);
	item = bpf_kptr_xchg(&slot->item, item);
	if (item)
		bpf_obj_drop_impl(item, NULL);
	if (add(second)) {
		bpf_obj_drop_impl(third, NULL);
		return 3;
	}
	return push(third, 1);
}

/* Takes the item of a slot out of the tree: for that the list has to own it. */
SEC("tc")
int take_key(void *ctx)
{
	u32 index = shared.key;
	struct slot *slot = bpf_map_lookup_elem(&slots, &index);
	struct bpf_rb_node *node;
	struct item *item;

	if (!slot)
		return 1;
	item = bpf_kptr_xchg(&slot->item, NULL);
	if (!item)
		return 2;
	bpf_spin_lock(&lock);
	bpf_list_push_back_impl(&list, &item->in_list, NULL, 0);
	node = bpf_rbtree_remove(&tree, &item->in_tree);
	bpf_spin_unlock(&lock);
	if (!node)
		return 3;
	bpf_obj_drop_impl(container_of(node, struct item, in_tree), NULL);
	return 0;
}

SEC("tc")
int delete_slot(void *ctx)
{
	u32 index = shared.key;

	return bpf_map_delete_elem(&slots, &index);
}

/* Counts in the current CPU's copy; `shared.found` is the sum over four CPUs. */
SEC("tc")
int count_on_cpu(void *ctx)
{
	u32 index = shared.key;
	struct slot empty = {};
	struct slot *slot;
	struct counter *counter, *copy;

	bpf_map_update_elem(&slots, &index, &empty, 1);
	slot = bpf_map_lookup_elem(&slots, &index);
	if (!slot)
		return 1;
	counter = slot->counter;
	if (!counter) {
		counter = bpf_percpu_obj_new_impl(__builtin_btf_type_id(*(struct counter *)0, 0), NULL);
		if (!counter)
			return 2;
		counter = bpf_kptr_xchg(&slot->counter, counter);
		if (counter) {
			bpf_percpu_obj_drop_impl(counter, NULL);
			return 3;
		}
	}
	bpf_rcu_read_lock();
	counter = slot->counter;
	if (counter) {
		copy = bpf_this_cpu_ptr(counter);
		copy->value += 5;
		copy = bpf_per_cpu_ptr(counter, 3);
		if (copy)
			copy->value += 100;
		shared.found = 0;
		for (int cpu = 0; cpu < 4; cpu++) {
			copy = bpf_per_cpu_ptr(counter, cpu);
			if (copy)
				shared.found += copy->value;
		}
		if (bpf_per_cpu_ptr(counter, 4))
			shared.found = 0;
	}
	bpf_rcu_read_unlock();
	return 0;
}

char _license[] SEC("license") = "GPL";
