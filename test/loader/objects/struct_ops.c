/* SPDX-License-Identifier: GPL-2.0 */
#include "defs.h"

struct task;
struct ops___local {
	int (*first)(int);
	void (*second)(struct task *);
	char name[8];
	u64 number;
	int (*future)(int);
};
struct ops___forward { int (*first)(int); int (*future)(int); };

SEC("struct_ops/first") int first_impl(void *ctx) { return 1; }
SEC("struct_ops.s/second") int second_impl(void *ctx) { return 2; }
SEC("struct_ops/future") int future_impl(void *ctx) { return 3; }
SEC("struct_ops/unused") int unused_impl(void *ctx) { return 4; }

SEC(".struct_ops.link") struct ops___local ops = {
	.first = (void *)first_impl, .second = (void *)second_impl, .name = "drydock", .number = 0xabcdef,
};
SEC("?.struct_ops") struct ops___forward forward = { .future = (void *)future_impl };
char _license[] SEC("license") = "GPL";
