/* SPDX-License-Identifier: GPL-2.0 */
/* Stands for a kernel: only the BTF of this object is used. Layouts differ from those in the test programs. */
#include "defs.h"

enum mode { MODE_OFF, MODE_SLOW = 5, MODE_FAST = 9 };
enum wide { WIDE_ONE = 0x1122334455667788ULL };
enum negative { MINUS = -7 };

struct inner { u64 pad; s32 value; };
typedef struct inner inner_t;
union choice { u32 word; u64 whole; };

struct task {
	u64 added_in_front;
	s32 pid;
	u64 start;		/* u32 in the programs */
	u16 shrunk;		/* u32 in the programs */
	s32 signed_now;		/* s64 in the programs */
	char *name;
	const volatile inner_t *ptr;
	struct {		/* anonymous here, plain members in the programs */
		struct { u32 deep; u32 deeper; };
		union { u32 as_word; char as_bytes[4]; };
	};
	struct inner in;
	u32 numbers[8];
	struct inner table[3];
	enum mode mode;
	u32 plain_bits;
	u32 a : 3, b : 7, c : 22;
	int s : 5, t : 6;
	u64 : 0;
	u64 long_bits : 40;
	union choice choice;
	int (*fn)(int, struct inner *);
	u32 flexible[];
};

/* Two candidates that agree, and two that do not. */
struct twin { u32 x; u32 y; };
struct twin___2 { u32 x; u64 z; };
struct torn { u32 x; u32 y; };
struct torn___2 { u64 gap; u32 y; u32 x; };
struct newname { int v; };
struct only_fwd;
typedef u64 stamp_t;
typedef int (*callback_t)(struct task *, int);
struct matched { int a; struct inner *p; enum mode m; char c[4]; u64 extra; };

/* Kernel symbols. */
int known_int = 1;
struct task current_task;
__noinline int kfunc_known(struct task *t, int flag) { return t->pid + flag; }
__noinline int kfunc_changed(struct task *t) { return t->pid; }

/* Attach targets. */
__noinline int bpf_iter_task(struct task *t) { return t->pid; }
__noinline int bpf_lsm_file_open(struct task *t) { return t->pid; }
__noinline int do_work(int x) { return x; }
typedef void (*btf_trace_sched_switch)(void *, bool);

/* struct_ops */
struct ops {
	int (*added)(int);
	int (*first)(int);
	void (*second)(struct task *);
	u64 number;
	char name[8];
};
struct bpf_struct_ops_ops { u64 common[3]; struct ops data; };
struct bpf_struct_ops_ops value_of_ops;

struct use {
	enum mode m; enum wide w; enum negative n; struct twin t; struct twin___2 t2; struct torn o;
	struct torn___2 o2; struct newname nn; struct only_fwd *f; stamp_t s; callback_t cb; struct matched mm;
	btf_trace_sched_switch tr;
} use;
