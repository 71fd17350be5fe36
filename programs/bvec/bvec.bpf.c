/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The frame number of every page of every registered buffer. Pages that follow one another in physical
 * memory are printed as one range, so a huge page is one line whether the kernel keeps it as 512 bvecs
 * (before 6.12) or as one.
 */
#include "io_uring.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE (1 << PAGE_SHIFT)
/* A buffer of more pieces says how many were left out. */
#define MAX_BVECS 1024

struct frames {
	u64 first;
	u64 pages;
};

/*
 * The pieces of the buffer at hand. A kernel struct can be read at known offsets only, so the loop over it has to
 * be one that the verifier follows pass by pass: it copies, without a decision. What decides goes over the copy,
 * in a callback that is looked at once.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MAX_BVECS);
	__type(key, u32);
	__type(value, struct frames);
} pieces SEC(".maps");

struct printer {
	struct seq_file *seq;
	struct frames range;
	u32 count;
};

static __inline void print_frames(struct seq_file *seq, struct frames *range)
{
	if (range->pages == 1)
		seq_printf(seq, " pfn %llu\n", range->first);
	else if (range->pages > 1)
		seq_printf(seq, " pfn %llu-%llu\n", range->first, range->first + range->pages - 1);
}

static long print_piece(void *map, const u32 *index, const struct frames *piece, struct printer *printer)
{
	struct frames *range = &printer->range;

	if (*index >= printer->count)
		return 1;
	if (range->pages > 0 && piece->first == range->first + range->pages) {
		range->pages += piece->pages;
		return 0;
	}
	print_frames(printer->seq, range);
	*range = *piece;
	return 0;
}

static __inline void copy_piece(struct io_mapped_ubuf *ubuf, u32 index)
{
	struct bio_vec *vec = &ubuf->bvec[index];
	u64 offset = vec->bv_offset;
	struct frames piece = {
		/* The bvec of a huge page may start pages behind the page it names. */
		.first = page_to_pfn(vec->bv_page) + (offset >> PAGE_SHIFT),
		.pages = ((offset & (PAGE_SIZE - 1)) + vec->bv_len + PAGE_SIZE - 1) >> PAGE_SHIFT,
	};

	bpf_map_update_elem(&pieces, &index, &piece, 0);
}

SEC("iter/io_uring_buf")
int dump_bvec(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;
	struct seq_file *seq = ctx->meta->seq;
	struct printer printer = { .seq = seq };
	u32 i;

	if (!ubuf) {
		seq_printf(seq, "%llu buffers\n", ctx->index);
		return 0;
	}
	if (ubuf_is_empty(ubuf)) {
		seq_printf(seq, "%llu <none>\n", ctx->index);
		return 0;
	}
	printer.count = ubuf->nr_bvecs;
	seq_printf(seq, "%llu 0x%llx %llu\n", ctx->index, ubuf->ubuf, ubuf_length(ubuf));
	for (i = 0; i < MAX_BVECS && i < printer.count; i++)
		copy_piece(ubuf, i);
	bpf_for_each_map_elem(&pieces, print_piece, &printer, 0);
	print_frames(seq, &printer.range);
	if (printer.count > MAX_BVECS)
		seq_printf(seq, " and %u more bvecs\n", printer.count - MAX_BVECS);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
