/* SPDX-License-Identifier: GPL-2.0 */
/* Maps of every form, and data sections. */
#include "defs.h"

struct key { u32 a, b; };
struct value { u64 count; char text[24]; };

struct {
	__uint(type, 1);
	__uint(max_entries, 100);
	__uint(map_flags, 1);
	__type(key, struct key);
	__type(value, struct value);
	__uint(pinning, 1);
	__uint(numa_node, 3);
} hash SEC(".maps");

struct {
	__uint(type, 30); /* bloom filter */
	__uint(max_entries, 10);
	__uint(value_size, 8);
	__ulong(map_extra, 0x1234567890ULL);
} extra SEC(".maps");

struct { __uint(type, 27); __uint(max_entries, 5000); } ring SEC(".maps");
struct { __uint(type, 4); __uint(key_size, 4); __uint(value_size, 4); } perf SEC(".maps");

struct inner_map { __uint(type, 2); __uint(max_entries, 4); __type(key, u32); __type(value, u64); };
struct inner_map one SEC(".maps"), two SEC(".maps");
struct {
	__uint(type, 12);
	__uint(max_entries, 8);
	__type(key, u32);
	__array(values, struct inner_map);
} outer SEC(".maps") = { .values = { [1] = &one, [6] = &two } };

int tail_a(void *ctx);
struct {
	__uint(type, 3);
	__uint(max_entries, 4);
	__type(key, u32);
	__array(values, int(void *));
} tails SEC(".maps") = { .values = { [2] = (void *)&tail_a } };

u32 initialised = 0x11223344;
static volatile u32 zeros[3];
const volatile u64 constant = 0x0102030405060708ULL;
__hidden u32 hidden_one SEC(".data.private") = 9;
static volatile const char custom[] SEC(".rodata.custom") = "custom";

static void *(*const lookup)(void *, const void *) = (void *)1;

SEC("tc") int tail_a(void *ctx) { return initialised + zeros[2] + (u32)constant + hidden_one + custom[1]; }
SEC("tc") int uses_maps(void *ctx)
{
	struct key key = {};
	u32 zero = 0;

	return !!lookup(&hash, &key) + !!lookup(&outer, &zero) + !!lookup(&ring, &zero) + !!lookup(&tails, &zero) +
	       !!lookup(&extra, &zero) + !!lookup(&perf, &zero);
}
char _license[] SEC("license") = "GPL";
