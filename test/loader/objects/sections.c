/* SPDX-License-Identifier: GPL-2.0 */
#include "defs.h"

#define PROGRAM(name, section) SEC(section) int name(void *ctx) { return 0; }

PROGRAM(optional, "?tc")
PROGRAM(frags, "xdp.frags/cpumap")
PROGRAM(sleeps, "fentry.s/do_work")
PROGRAM(entry, "fentry/vmlinux:do_work")
PROGRAM(of_module, "fexit/testmod:do_more")
PROGRAM(nowhere, "fexit/no_such_function")
PROGRAM(bare, "fentry")
PROGRAM(hook, "lsm/file_open")
PROGRAM(trace, "tp_btf/sched_switch")
PROGRAM(iterator, "iter/task")
PROGRAM(replaces, "freplace/other")
PROGRAM(probe, "kprobe/do_work")
PROGRAM(usdt, "usdt/libc.so:p:n")
PROGRAM(unknown, "no_such_section")
PROGRAM(prefix_only, "kprobes/x")
PROGRAM(connect, "cgroup/connect4")
PROGRAM(call, "syscall")
char _license[] SEC("license") = "GPL";
