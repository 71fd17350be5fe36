/* SPDX-License-Identifier: GPL-2.0 */
/* Every kind of CO-RE relocation, one program each; the kernel is kernel.c. */
#include "defs.h"

enum mode { MODE_FAST = 1, MODE_GONE = 2 };
enum mode___other { MODE_SLOW___mine = 77 };
enum wide { WIDE_ONE = 1 };
enum negative { MINUS = 3 };
struct inner { s32 value; } __core;
union choice { u64 whole; } __core;
struct task {
	s32 pid;
	u32 start;
	u32 shrunk;
	long long signed_now;
	void *name;
	struct inner *ptr;
	u32 deeper;
	char as_bytes[4];
	struct inner in;
	u32 numbers[4];
	struct inner table[2];
	u32 plain_bits : 9;
	u32 b : 10;
	int t : 9;
	u64 long_bits : 33;
	u32 missing;
	union choice choice;
	u32 flexible[];
} __core;
struct task___flavoured { u32 numbers[9]; } __core;
struct task___scalar { int in; } __core;
struct twin { u32 x; } __core;
struct torn { u32 x; } __core;
struct absent { int v; } __core;
struct newname___old { int v; } __core;
struct only_fwd { int v; } __core;
typedef u64 stamp_t;
typedef int (*callback_t)(struct task *, int);
typedef int (*callback_t___wrong)(struct task *);
struct matched { int a; struct inner *p; enum mode___other m; char c[4]; } __core;
struct matched___size { int a; char c[5]; } __core;
struct matched___kind { u32 a; } __core;

#define T(type) ((struct type *)0)
#define FIELD(name, type, field, kind) \
	QUERY(name, __builtin_preserve_field_info(T(type)->field, kind))
#define TYPE_EXISTS(type) __builtin_preserve_type_info(*(type *)0, 0)
#define TYPE_SIZE(type) __builtin_preserve_type_info(*(type *)0, 1)
#define TYPE_MATCHES(type) __builtin_preserve_type_info(*(type *)0, 2)
#define ID_LOCAL(type) __builtin_btf_type_id(*(type *)0, 0)
#define ID_TARGET(type) __builtin_btf_type_id(*(type *)0, 1)
#define ENUM_EXISTS(type, value) __builtin_preserve_enum_value(*(type *)value, 0)
#define ENUM_VALUE(type, value) __builtin_preserve_enum_value(*(type *)value, 1)

FIELD(off_pid, task, pid, FIELD_BYTE_OFFSET)
FIELD(off_array, task, numbers[3], FIELD_BYTE_OFFSET)
FIELD(off_struct_array, task, table[1].value, FIELD_BYTE_OFFSET)
FIELD(off_anonymous, task, deeper, FIELD_BYTE_OFFSET)
FIELD(off_anonymous_array, task, as_bytes[2], FIELD_BYTE_OFFSET)
FIELD(off_nested, task, in.value, FIELD_BYTE_OFFSET)
FIELD(off_union, task, choice.whole, FIELD_BYTE_OFFSET)
FIELD(off_flexible, task, flexible[5], FIELD_BYTE_OFFSET)
FIELD(off_bits, task, b, FIELD_BYTE_OFFSET)
FIELD(size_start, task, start, FIELD_BYTE_SIZE)
FIELD(size_array, task, numbers, FIELD_BYTE_SIZE)
FIELD(size_bits, task, long_bits, FIELD_BYTE_SIZE)
FIELD(exists_pid, task, pid, FIELD_EXISTS)
FIELD(exists_missing, task, missing, FIELD_EXISTS)
FIELD(exists_flavour, task___flavoured, numbers[7], FIELD_EXISTS)
FIELD(exists_past_end, task___flavoured, numbers[8], FIELD_EXISTS)
FIELD(exists_other_kind, task___scalar, in, FIELD_EXISTS)
FIELD(exists_absent, absent, v, FIELD_EXISTS)
FIELD(exists_old_name, newname___old, v, FIELD_EXISTS)
FIELD(signed_pid, task, pid, FIELD_SIGNED)
FIELD(signed_start, task, start, FIELD_SIGNED)
FIELD(signed_bits, task, t, FIELD_SIGNED)
FIELD(lshift_b, task, b, FIELD_LSHIFT)
FIELD(rshift_b, task, b, FIELD_RSHIFT)
FIELD(lshift_long, task, long_bits, FIELD_LSHIFT)
FIELD(rshift_long, task, long_bits, FIELD_RSHIFT)
FIELD(lshift_plain, task, plain_bits, FIELD_LSHIFT)
FIELD(off_missing, task, missing, FIELD_BYTE_OFFSET)
FIELD(off_twin, twin, x, FIELD_BYTE_OFFSET)
FIELD(off_torn, torn, x, FIELD_BYTE_OFFSET)

QUERY(id_local, ID_LOCAL(struct task))
QUERY(id_target, ID_TARGET(struct task))
QUERY(id_target_absent, ID_TARGET(struct absent))
QUERY(type_exists, TYPE_EXISTS(struct task))
QUERY(type_exists_absent, TYPE_EXISTS(struct absent))
QUERY(type_exists_typedef, TYPE_EXISTS(stamp_t))
QUERY(type_exists_function, TYPE_EXISTS(callback_t))
QUERY(type_exists_wrong_function, TYPE_EXISTS(callback_t___wrong))
QUERY(type_size, TYPE_SIZE(struct task))
QUERY(type_matches, TYPE_MATCHES(struct matched))
QUERY(type_matches_not_size, TYPE_MATCHES(struct matched___size))
QUERY(type_matches_not_sign, TYPE_MATCHES(struct matched___kind))
QUERY(enum_exists, ENUM_EXISTS(enum mode, MODE_FAST))
QUERY(enum_exists_gone, ENUM_EXISTS(enum mode, MODE_GONE))
QUERY(enum_value, ENUM_VALUE(enum mode, MODE_FAST))
QUERY(enum_value_flavour, ENUM_VALUE(enum mode___other, MODE_SLOW___mine))
QUERY(enum_value_gone, ENUM_VALUE(enum mode, MODE_GONE))
QUERY(enum_value_wide, ENUM_VALUE(enum wide, WIDE_ONE))
QUERY(enum_value_negative, ENUM_VALUE(enum negative, MINUS))

SEC("socket") u64 load_grown(struct task *t) { return t->start; }
SEC("socket") u64 load_shrunk(struct task *t) { return t->shrunk; }
SEC("socket") u64 load_sign_mismatch(struct task *t) { return t->signed_now; }
SEC("socket") u64 load_pointer(struct task *t) { return (u64)t->name; }
SEC("socket") u64 load_missing(struct task *t) { return t->missing; }
SEC("socket") u64 load_chain(struct task *t) { return t->ptr->value; }
SEC("socket") u64 store_pid(struct task *t) { t->pid = 1; return 0; }

char _license[] SEC("license") = "GPL";
