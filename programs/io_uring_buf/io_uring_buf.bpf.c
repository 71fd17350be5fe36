/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Every registered buffer of a ring: slot, address, length, and the frame of its first page. */
#include "io_uring.h"

SEC("iter/io_uring_buf")
int dump_io_uring_buf(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;
	struct seq_file *seq = ctx->meta->seq;
	u64 index = ctx->index;

	/* The closing call has the last object's seq_num, so for a table of one slot it is 0 again. */
	if (ctx->meta->seq_num == 0 && index == 0)
		seq_puts(seq, "B\n");

	if (!ubuf) {
		seq_printf(seq, "E:%llu\n", index);
		return 0;
	}
	seq_printf(seq, "%llu:0x%llx:%llu\n", index, ubuf->ubuf, ubuf_length(ubuf));
	/* The stand-in for an empty slot has no bvec: reading one would leave the object. */
	if (ubuf->nr_bvecs > 0)
		seq_printf(seq, "`-PFN for bvec[0]=%llu\n", page_to_pfn(ubuf->bvec[0].bv_page));
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
