/* SPDX-License-Identifier: GPL-2.0 */
/* Subprograms: static and global, called by several programs, by each other, and taken the address of. */
#include "defs.h"

u64 counter;
static long (*const loop)(u32, void *, void *, u64) = (void *)181;

static __noinline int leaf(int x) { counter += x; return x * 3; }
__noinline int shared(int x) { return leaf(x) + 1; }
__hidden __noinline int concealed(int x) { return x - leaf(x + 1); }
static __noinline long callback(u64 index, void *ctx) { return leaf(index) > 5; }
__noinline int recovers(u64 cookie) { return (int)cookie; }
__noinline int unused(int x) { return x; }

SEC("tc") int calls_both(struct { int x; } *ctx) { return shared(ctx->x) + concealed(ctx->x); }
SEC("tc") int calls_reversed(struct { int x; } *ctx) { return concealed(ctx->x) + shared(ctx->x); }
SEC("xdp") int calls_none(void *ctx) { return 2; }
SEC("xdp") int loops(void *ctx) { return loop(10, callback, 0, 0); }
__tag("exception_callback:recovers") SEC("tc") int throws(void *ctx) { return 1; }

char _license[] SEC("license") = "GPL";
