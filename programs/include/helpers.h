/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a BPF iterator program needs besides kernel types: section and map notation that loaders understand,
 * the helpers by their numbers, and short forms for formatted output. No other header is needed.
 */
#ifndef DRYDOCK_HELPERS_H
#define DRYDOCK_HELPERS_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed int s32;
typedef signed long long s64;

#define NULL ((void *)0)

#define SEC(name) __attribute__((section(name), used))
#define __inline inline __attribute__((always_inline))
#define __weak __attribute__((weak))
/* Symbols the loader resolves: kernel functions and variables, and kernel configuration. */
#define __ksym __attribute__((section(".ksyms")))
#define __kconfig __attribute__((section(".kconfig")))
/* Whether a weak __ksym was found. */
#define ksym_exists(symbol) (!!(symbol))

/* Attributes of a map in section .maps: numbers are kept as array lengths, types as pointers. */
#define __uint(name, value) int(*name)[value]
#define __type(name, type) typeof(type) *name

#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_PERCPU_ARRAY 6
/* bpf_map_update_elem: keep an entry that is already there. */
#define BPF_NOEXIST 1

struct seq_file;
struct path;
struct page;

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static long (*bpf_map_update_elem)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_probe_read_kernel)(void *to, u32 size, const void *from) = (void *)113;
static long (*bpf_seq_printf)(struct seq_file *seq, const char *format, u32 format_size, const void *data,
			      u32 data_size) = (void *)126;
static long (*bpf_seq_write)(struct seq_file *seq, const void *data, u32 size) = (void *)127;
static long (*bpf_for_each_map_elem)(void *map, void *callback, void *context, u64 flags) = (void *)164;
static long (*bpf_d_path)(const struct path *path, char *buffer, u32 size) = (void *)147;

/* A string literal, without its NUL. */
#define seq_puts(seq, text)                                          \
	({                                                           \
		static const char text_[] = text;                    \
		bpf_seq_write(seq, text_, sizeof(text_) - 1);        \
	})

/* Formatted text; every argument is an integer or a pointer made one. */
#define seq_printf(seq, format, ...)                                                     \
	({                                                                               \
		static const char format_[] = format;                                    \
		u64 values_[] = { __VA_ARGS__ };                                         \
		bpf_seq_printf(seq, format_, sizeof(format_), values_, sizeof(values_)); \
	})

#define ptr_value(pointer) ((u64)(pointer))

#endif
