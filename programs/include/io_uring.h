/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Looking into io_uring's registered buffers, whatever the kernel's version. */
#ifndef DRYDOCK_IO_URING_H
#define DRYDOCK_IO_URING_H

#include "core.h"
#include "kernel.h"

/*
 * Frame number of a page. The patch series added it as helper 181, a number that Linux has since given to
 * bpf_loop; kernels that have bpf_loop offer it as a kernel function.
 */
extern u64 bpf_page_to_pfn(struct page *page) __ksym __weak;
static u64 (*bpf_page_to_pfn_helper)(struct page *page) = (void *)181;

static __inline u64 page_to_pfn(struct page *page)
{
	if (ksym_exists(bpf_page_to_pfn))
		return bpf_page_to_pfn(page);
	return bpf_page_to_pfn_helper(page);
}

/* Bytes of a registered buffer. */
static __inline u64 ubuf_length(struct io_mapped_ubuf *ubuf)
{
	if (core_field_exists(ubuf->ubuf_end))
		return ubuf->ubuf_end - ubuf->ubuf;
	return ubuf->len;
}

/* Empty slots of a buffer table hold a stand-in buffer at the highest address. */
static __inline int ubuf_is_empty(struct io_mapped_ubuf *ubuf)
{
	return ubuf->ubuf == ~0ULL;
}

#endif
