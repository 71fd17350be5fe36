/* SPDX-License-Identifier: GPL-2.0 */
#include "defs.h"

enum libbpf_tristate { TRI_NO = 0, TRI_YES = 1, TRI_MODULE = 2 };
struct task { s32 pid; };

extern u32 LINUX_KERNEL_VERSION __kconfig;
extern bool LINUX_HAS_BPF_COOKIE __kconfig;
extern bool LINUX_HAS_NOTHING __kconfig __weak;
extern u64 CONFIG_HEX __kconfig;
extern short CONFIG_NEGATIVE __kconfig;
extern bool CONFIG_BOOL __kconfig;
extern enum libbpf_tristate CONFIG_MODULE __kconfig;
extern char CONFIG_LETTER __kconfig;
extern const char CONFIG_TEXT[8] __kconfig;
extern u32 CONFIG_ABSENT __kconfig __weak;

extern const int known_int __ksym;
extern const struct task current_task __ksym;
extern const int unknown_int __ksym __weak;
extern const void bare_symbol __ksym;
extern const void bare_missing __ksym __weak;
extern int kfunc_known(struct task *t, int flag) __ksym;
extern int kfunc_known___flavour(struct task *t, int flag) __ksym __weak;
extern int kfunc_changed(struct task *t, u64 more) __ksym __weak;
extern int kfunc_missing(struct task *t) __ksym __weak;

SEC("tc") u64 version(void *ctx) { return LINUX_KERNEL_VERSION; }
SEC("tc") u64 config(void *ctx)
{
	return CONFIG_HEX + CONFIG_NEGATIVE + CONFIG_BOOL + CONFIG_MODULE + CONFIG_LETTER + CONFIG_TEXT[1] +
	       CONFIG_ABSENT + LINUX_HAS_BPF_COOKIE + LINUX_HAS_NOTHING;
}
SEC("tc") u64 typed(void *ctx) { return (u64)&known_int; }
SEC("tc") u64 typed_struct(void *ctx) { return (u64)&current_task; }
SEC("tc") u64 typed_missing(void *ctx) { return (u64)&unknown_int; }
SEC("tc") u64 bare(void *ctx) { return (u64)&bare_symbol; }
SEC("tc") u64 bare_none(void *ctx) { return (u64)&bare_missing; }
SEC("tc") int call_known(void *ctx) { return kfunc_known(ctx, 1); }
SEC("tc") int call_flavour(void *ctx) { return kfunc_known___flavour(ctx, 2); }
SEC("tc") int call_changed(void *ctx) { return kfunc_changed(ctx, 3); }
SEC("tc") int call_missing(void *ctx) { return kfunc_missing ? kfunc_missing(ctx) : 4; }
char _license[] SEC("license") = "GPL";
