/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* An arena of four pages, whose place in user space is whatever an mmap gives; arena.test.ts runs it. */
#include "helpers.h"

#define __arena __attribute__((address_space(1)))
#define BPF_MAP_TYPE_ARENA 33
#define BPF_F_MMAPABLE (1 << 10)
#define PAGE 4096
#define NO_NODE (-1)

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4);
} arena SEC(".maps");

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *address, u32 pages, int node, u64 flags) __ksym;
extern void bpf_arena_free_pages(void *map, void __arena *address, u32 pages) __ksym;

/* They take the first page. */
u64 __arena counter SEC(".addr_space.1") = 41;
u64 __arena *__arena link SEC(".addr_space.1");

/* Distances from the first page, in pages, of what was allocated; -1 for NULL. */
s64 answers[16];

static s64 pages_of(void __arena *pointer)
{
	return pointer ? (s64)(((u64)pointer - (u64)&counter) / PAGE) : -1;
}

#define ALLOC(at, pages) pages_of(bpf_arena_alloc_pages(&arena, at, pages, NO_NODE, 0))

SEC("syscall")
int counts(void *ctx)
{
	link = &counter;
	return ++*link;
}

SEC("syscall")
int allocates(void *ctx)
{
	char __arena *first = (char __arena *)&counter;

	answers[0] = ALLOC(NULL, 1);
	answers[1] = ALLOC(NULL, 3);
	answers[2] = ALLOC(NULL, 0);
	answers[3] = ALLOC(NULL, 5);
	answers[4] = ALLOC(first + PAGE, 1);
	answers[5] = ALLOC(first + 3 * PAGE, 2);
	answers[6] = ALLOC(first + 3 * PAGE + 8, 1);
	answers[7] = ALLOC(first + 3 * PAGE, 1);
	answers[8] = ALLOC(first - PAGE, 1);
	answers[9] = ALLOC(NULL, 1);
	answers[10] = ALLOC(NULL, 1);
	bpf_arena_free_pages(&arena, first + PAGE, 2);
	answers[11] = ALLOC(NULL, 2);
	bpf_arena_free_pages(&arena, first + 2 * PAGE, 100);
	answers[12] = ALLOC(NULL, 2);
	answers[13] = pages_of(bpf_arena_alloc_pages(&arena, NULL, 1, NO_NODE, 1));
	return 0;
}

SEC("syscall")
int uses_after_free(void *ctx)
{
	volatile u64 __arena *page = bpf_arena_alloc_pages(&arena, NULL, 1, NO_NODE, 0);

	if (!page)
		return 1;
	*page = 7;
	answers[0] = *page;
	bpf_arena_free_pages(&arena, (void __arena *)page, 1);
	answers[1] = *page;
	*page = 8;
	answers[2] = *page;
	/* Freed pages come back as zeros. */
	page = bpf_arena_alloc_pages(&arena, NULL, 1, NO_NODE, 0);
	answers[3] = page ? *page : 9;
	return 0;
}

char LICENSE_[] SEC("license") = "GPL";
