/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Storage for each cgroup, one value and one per CPU; cgroup-storage.test.ts runs it. */
#include "helpers.h"

struct bpf_cgroup_storage_key {
	u64 cgroup_inode_id;
	u32 attach_type;
};

struct {
	__uint(type, 19);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, u64);
} shared SEC(".maps");

struct {
	__uint(type, 21);
	__type(key, u64);
	__type(value, u32);
} percpu SEC(".maps");

static void *(*bpf_get_local_storage)(void *map, u64 flags) = (void *)81;

/* The last values, and all of them added up. */
u64 last;
u64 sum;

SEC("cgroup_skb/egress")
int counts(void *ctx)
{
	u64 *one = bpf_get_local_storage(&shared, 0);
	u32 *other = bpf_get_local_storage(&percpu, 0);

	*one += 1;
	*other += 10;
	last = *one + *other;
	sum += last;
	return 1;
}

char LICENSE_[] SEC("license") = "GPL";
