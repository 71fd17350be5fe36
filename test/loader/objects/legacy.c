/* SPDX-License-Identifier: GPL-2.0 */
/* Maps as they were before BTF. */
#include "defs.h"

struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };

struct bpf_map_def SEC("maps") first = { 1, 4, 8, 16, 0 };
struct bpf_map_def SEC("maps") second = { 2, 4, 64, 2, 1024 };

static void *(*const lookup)(void *, const void *) = (void *)1;

SEC("socket") int uses_second(void *ctx)
{
	u32 key = 0;

	return !!lookup(&second, &key);
}
char _license[] SEC("license") = "GPL";
