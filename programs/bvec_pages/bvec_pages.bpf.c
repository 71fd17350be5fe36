/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Every page of every registered buffer: where it was registered, its frame, and the contents of those that no
 * mapping shows any more, which nobody but the ring can tell. Output is a record for each page, the contents behind it.
 */
#include "io_uring.h"
#include "../checkpoint/records.h"

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

struct page_room {
	struct record_buffer_page record;
	u8 contents[PAGE_SIZE];
};

record_map(page_room, struct page_room);

static __inline void write_with_contents(struct seq_file *seq, struct page_room *room)
{
	u64 base = 0;

	bpf_probe_read_kernel(&base, sizeof(base), &page_offset_base);
	bpf_probe_read_kernel(room->contents, PAGE_SIZE, (void *)(base + (room->record.frame << PAGE_SHIFT)));
	room->record.head.size = sizeof(*room);
	bpf_seq_write(seq, room, sizeof(*room));
}

SEC("iter/io_uring_bvec")
int dump_bvec_pages(struct bpf_iter__io_uring_bvec *ctx)
{
	struct page_room *room = only_value(&page_room);
	struct bio_vec *bvec = ctx->bvec;
	struct record_buffer_page *record;
	u64 within;

	/* The end, or an empty slot. */
	if (!ctx->ubuf || !bvec || !room)
		return 0;
	record = &room->record;
	record_begin(record, buffer_page);
	within = bvec->bv_offset + ctx->offset;
	record->index = ctx->index;
	record->vector = ctx->bvec_index;
	record->address = ctx->address;
	record->frame = page_to_pfn(bvec->bv_page) + (within >> PAGE_SHIFT);
	record->start = within & (PAGE_SIZE - 1);
	record->length = bvec->bv_len - ctx->offset;
	if (record->length > PAGE_SIZE - record->start)
		record->length = PAGE_SIZE - record->start;
	record->mapped = ctx->vma != NULL;
	if (record->mapped)
		record_end(ctx->meta->seq, record);
	else
		write_with_contents(ctx->meta->seq, room);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
