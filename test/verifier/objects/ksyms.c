/* SPDX-License-Identifier: GPL-2.0 */
/* Symbols without a type, found in the kernel's list. Built for one that there is, is not, and is several times. */
#include "context.h"

char _license[] SEC("license") = "GPL";

extern const void SYMBOL __ksym;
extern const void no_such_symbol __ksym __weak;

SEC("raw_tp/sys_enter")
int uses_symbol(void *ctx)
{
	if (&no_such_symbol)
		return *(int *)ctx;
	return &SYMBOL == ctx;
}
