/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every page of every registered buffer: where it was registered, its frame, and the contents of those that no
 * mapping shows any more, which nobody but the ring can tell. Output is a record for each page, the contents behind it.
 */
#include "io_uring.h"

#define PAGE_SHIFT 12
#define PAGE_SIZE (1 << PAGE_SHIFT)

/* What the target gives; `vma` is the mapping that still shows the page where it was registered. */
struct bpf_iter__io_uring_bvec {
	struct bpf_iter_meta *meta;
	struct io_ring_ctx *ctx;
	struct io_mapped_ubuf *ubuf;
	struct bio_vec *bvec;
	struct vm_area_struct *vma;
	u64 index;
	u64 bvec_index;
	u64 offset;
	u64 address;
} __attribute__((preserve_access_index));

/* Address of physical memory in the kernel's own view of it (x86-64). */
extern const void page_offset_base __ksym;

struct page_record {
	u64 index;
	u64 bvec_index;
	/* User address that was registered, and the frame behind it. */
	u64 address;
	u64 pfn;
	/* Bytes from `start` of the page on belong to the buffer. */
	u32 start;
	u32 length;
	/* 1 when a mapping still shows this page there, 0 when its contents follow: PAGE_SIZE bytes. */
	u32 mapped;
	u32 reserved;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u8[PAGE_SIZE]);
} contents SEC(".maps");

static __inline void write_contents(struct seq_file *seq, u64 pfn)
{
	u64 base = 0;
	u32 key = 0;
	u8 *page = bpf_map_lookup_elem(&contents, &key);

	if (!page)
		return;
	bpf_probe_read_kernel(&base, sizeof(base), &page_offset_base);
	bpf_probe_read_kernel(page, PAGE_SIZE, (void *)(base + (pfn << PAGE_SHIFT)));
	bpf_seq_write(seq, page, PAGE_SIZE);
}

SEC("iter/io_uring_bvec")
int dump_bvec_pages(struct bpf_iter__io_uring_bvec *ctx)
{
	struct bio_vec *bvec = ctx->bvec;
	struct page_record record = {};
	u64 within;

	/* The end, or an empty slot. */
	if (!ctx->ubuf || !bvec)
		return 0;
	within = bvec->bv_offset + ctx->offset;
	record.index = ctx->index;
	record.bvec_index = ctx->bvec_index;
	record.address = ctx->address;
	record.pfn = page_to_pfn(bvec->bv_page) + (within >> PAGE_SHIFT);
	record.start = within & (PAGE_SIZE - 1);
	record.length = bvec->bv_len - ctx->offset;
	if (record.length > PAGE_SIZE - record.start)
		record.length = PAGE_SIZE - record.start;
	record.mapped = ctx->vma != NULL;
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
	if (!record.mapped)
		write_contents(ctx->meta->seq, record.pfn);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
