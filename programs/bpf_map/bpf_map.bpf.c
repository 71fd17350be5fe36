/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every BPF map of the system: id, type, geometry and name. */
#include "kernel.h"

SEC("iter/bpf_map")
int dump_bpf_map(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;
	struct seq_file *seq = ctx->meta->seq;

	if (!map) {
		seq_puts(seq, "# end\n");
		return 0;
	}
	if (ctx->meta->seq_num == 0)
		seq_puts(seq, "#   id   type    key  value entries name\n");
	seq_printf(seq, "%6u %6u %6u %6u %7u %s\n", map->id, map->map_type, map->key_size, map->value_size,
		   map->max_entries, ptr_value(&map->name));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
