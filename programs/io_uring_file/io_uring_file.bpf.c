/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every slot of a ring's registered file table, with the file's path. */
#include "io_uring.h"

SEC("iter/io_uring_file")
int dump_io_uring_file(struct bpf_iter__io_uring_file *ctx)
{
	struct file *file = ctx->file;
	struct seq_file *seq = ctx->meta->seq;
	u64 index = ctx->index;
	char path[256] = {};

	if (ctx->meta->seq_num == 0 && index == 0)
		seq_puts(seq, "B\n");

	if (file) {
		bpf_d_path(&file->f_path, path, sizeof(path));
		seq_printf(seq, "%llu:%s\n", index, ptr_value(path));
	} else if (ctx->ctx->nr_user_files == index) {
		/* Holes have no file either; only the closing call stands behind the last slot. */
		seq_printf(seq, "E:%llu\n", index);
	} else {
		seq_printf(seq, "%llu:<none>\n", index);
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
