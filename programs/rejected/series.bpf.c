/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Wrong variants of the iterators over io_uring and epoll: io_uring_buf, bvec, io_uring_file and epoll, beside this
 * folder, are how to do it.
 */
#include "io_uring.h"

#define MAX_BVECS 1024

/* The closing call has no buffer. */
SEC("iter/io_uring_buf")
int buffer_unchecked(struct bpf_iter__io_uring_buf *ctx)
{
	seq_printf(ctx->meta->seq, "%llu:0x%llx\n", ctx->index, ctx->ubuf->ubuf);
	return 0;
}

/* Neither have the closing call and an empty slot a file. */
SEC("iter/io_uring_file")
int file_unchecked(struct bpf_iter__io_uring_file *ctx)
{
	char path[256] = {};

	bpf_d_path(&ctx->file->f_path, path, sizeof(path));
	seq_printf(ctx->meta->seq, "%llu:%s\n", ctx->index, ptr_value(path));
	return 0;
}

/* An index below the number of files is no proof of a file: the slot may be empty. */
SEC("iter/io_uring_file")
int file_checked_by_index(struct bpf_iter__io_uring_file *ctx)
{
	if (ctx->index >= ctx->ctx->nr_user_files)
		return 0;
	seq_printf(ctx->meta->seq, "%llu:%x\n", ctx->index, ctx->file->f_flags);
	return 0;
}

/* The closing call has no item. */
SEC("iter/epoll")
int item_unchecked(struct bpf_iter__epoll *ctx)
{
	seq_printf(ctx->meta->seq, "%d\n", ctx->epi->ffd.fd);
	return 0;
}

/* Iterators read; they cannot change the ring they look at. */
SEC("iter/io_uring_buf")
int ring_changed(struct bpf_iter__io_uring_buf *ctx)
{
	ctx->ctx->flags = 0;
	return 0;
}

/* Nor a buffer of it. */
SEC("iter/io_uring_buf")
int buffer_moved(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;

	if (ubuf)
		ubuf->ubuf = 0;
	return 0;
}

/* Nor skip slots by counting on. */
SEC("iter/io_uring_file")
int slot_skipped(struct bpf_iter__io_uring_file *ctx)
{
	ctx->index++;
	return 0;
}

/* The epoll record ends with the item: it has no index. */
SEC("iter/epoll")
int index_of_other_iterator(struct bpf_iter__epoll *ctx)
{
	seq_printf(ctx->meta->seq, "%llu\n", ((struct bpf_iter__io_uring_buf *)ctx)->index);
	return 0;
}

/* A bvec at an index that is known only when the program runs. */
SEC("iter/io_uring_buf")
int bvec_at_variable_index(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;

	if (!ubuf || ubuf->nr_bvecs == 0)
		return 0;
	seq_printf(ctx->meta->seq, "%llu\n", page_to_pfn(ubuf->bvec[ubuf->nr_bvecs - 1].bv_page));
	return 0;
}

/* A page that was copied out of a bvec has no type any more. */
SEC("iter/io_uring_buf")
int page_copied(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;
	struct bio_vec vec = {};

	if (!ubuf)
		return 0;
	bpf_probe_read_kernel(&vec, sizeof(vec), __builtin_preserve_access_index(&ubuf->bvec[0]));
	seq_printf(ctx->meta->seq, "%llu\n", page_to_pfn(vec.bv_page));
	return 0;
}

/* On kernels since 5.17 the series' helper number means bpf_loop. */
SEC("iter/io_uring_buf")
int page_to_pfn_by_number(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;

	if (!ubuf)
		return 0;
	seq_printf(ctx->meta->seq, "%llu\n", bpf_page_to_pfn_helper(ubuf->bvec[0].bv_page));
	return 0;
}

/* The buffer in place of its page. */
SEC("iter/io_uring_buf")
int buffer_as_page(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;

	if (!ubuf)
		return 0;
	seq_printf(ctx->meta->seq, "%llu\n", page_to_pfn((struct page *)ubuf));
	return 0;
}

/* private_data has no type, whatever the file is. */
SEC("iter/epoll")
int ring_behind_item(struct bpf_iter__epoll *ctx)
{
	struct epitem *epi = ctx->epi;
	struct io_ring_ctx *ring;

	if (!epi)
		return 0;
	ring = epi->ffd.file->private_data;
	seq_printf(ctx->meta->seq, "%u\n", ring->sq_entries);
	return 0;
}

/* The number of slots, where only 0 and 1 mean something. */
SEC("iter/io_uring_file")
int returns_number_of_files(struct bpf_iter__io_uring_file *ctx)
{
	return ctx->ctx->nr_user_files;
}

/* What is known after one pass depends on the decisions in it, so every combination of them is followed. */
SEC("iter/io_uring_buf")
int bvecs_merged_in_loop(struct bpf_iter__io_uring_buf *ctx)
{
	struct io_mapped_ubuf *ubuf = ctx->ubuf;
	u64 first = 0, pages = 0;
	u32 i;

	if (!ubuf)
		return 0;
	for (i = 0; i < MAX_BVECS && i < ubuf->nr_bvecs; i++) {
		u64 pfn = page_to_pfn(ubuf->bvec[i].bv_page);

		if (pages > 0 && pfn == first + pages) {
			pages++;
			continue;
		}
		if (pages > 0)
			seq_printf(ctx->meta->seq, " pfn %llu-%llu\n", first, first + pages - 1);
		first = pfn;
		pages = 1;
	}
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
