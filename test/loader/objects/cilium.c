/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What objects for cilium/ebpf have: maps of the section "maps" beside BTF-defined ones, sections that only begin with
 * a kind, functions that are not inlined, and constants that the loader rewrites.
 */
#include "defs.h"

struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
/* iproute2's, which more than one toolchain kept: pinned in the global namespace. */
struct bpf_elf_map { u32 type, size_key, size_value, max_elem, flags, id, pinning, inner_id, inner_idx; };

struct bpf_map_def SEC("maps") plain = { 1, 4, 8, 16, 0 };
struct bpf_elf_map SEC("maps") pinned = { 2, 4, 4, 1, 0, 7, 2, 0, 0 };

struct {
	__uint(type, 1);
	__type(key, u32);
	__type(value, u64);
	__uint(max_entries, 64);
} typed SEC(".maps");

volatile const u32 limit = 3;

static void *(*const lookup)(void *, const void *) = (void *)1;

static __noinline int found(void *map)
{
	u32 key = limit;

	return !!lookup(map, &key);
}

SEC("xdp_drop") int drop(void *ctx) { return found(&plain) + found(&typed); }
SEC("classifier/ingress") int ingress(void *ctx) { return found(&pinned); }
SEC("cgroup/skb/both") int both(void *ctx) { return found(&typed); }
SEC("nothing/known") int unknown(void *ctx) { return 0; }
char _license[] SEC("license") = "GPL";
