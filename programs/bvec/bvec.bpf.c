/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The frame number of every page of every registered buffer. Pages that follow one another in physical
 * memory are printed as one range, so a huge page is one line whether the kernel keeps it as 512 bvecs
 * (before 6.12) or as one.
 */
#include "io_uring.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE (1 << PAGE_SHIFT)
/*
 * The loop's limit, for the verifier: every pass has a known index, which makes bvec[i] an access at a known
 * offset. A buffer of more pieces says how many were left out.
 */
#define MAX_BVECS 1024

static __inline void print_frames(struct seq_file *seq, u64 first, u64 pages)
{
	if (pages == 1)
		seq_printf(seq, " pfn %llu\n", first);
	else if (pages > 1)
		seq_printf(seq, " pfn %llu-%llu\n", first, first + pages - 1);
}

SEC("iter/io_uring_buf")
int dump_bvec(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;
	struct seq_file *seq = ctx->meta->seq;
	u64 first = 0, pages = 0;
	u32 count, i;

	if (!ubuf) {
		seq_printf(seq, "%llu buffers\n", ctx->index);
		return 0;
	}
	if (ubuf_is_empty(ubuf)) {
		seq_printf(seq, "%llu <none>\n", ctx->index);
		return 0;
	}
	count = ubuf->nr_bvecs;
	seq_printf(seq, "%llu 0x%llx %llu\n", ctx->index, ubuf->ubuf, ubuf_length(ubuf));
	for (i = 0; i < MAX_BVECS && i < count; i++) {
		struct bio_vec *vec = &ubuf->bvec[i];
		u64 offset = vec->bv_offset;
		/* The bvec of a huge page may start pages behind the page it names. */
		u64 pfn = page_to_pfn(vec->bv_page) + (offset >> PAGE_SHIFT);
		u64 length = ((offset & (PAGE_SIZE - 1)) + vec->bv_len + PAGE_SIZE - 1) >> PAGE_SHIFT;

		if (pages > 0 && pfn == first + pages) {
			pages += length;
			continue;
		}
		print_frames(seq, first, pages);
		first = pfn;
		pages = length;
	}
	print_frames(seq, first, pages);
	if (count > MAX_BVECS)
		seq_printf(seq, " and %u more bvecs\n", count - MAX_BVECS);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
