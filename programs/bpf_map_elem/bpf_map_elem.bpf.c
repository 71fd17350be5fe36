/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every element of a map whose keys are u32 and whose values are u64. */
#include "kernel.h"

SEC("iter/bpf_map_elem")
int dump_bpf_map_elem(struct bpf_iter__bpf_map_elem *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	const u32 *key = ctx->key;
	const u64 *value = ctx->value;

	if (!key || !value) {
		seq_printf(seq, "# end of %s\n", ptr_value(&ctx->map->name));
		return 0;
	}
	seq_printf(seq, "%u: 0x%llx\n", *key, *value);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
