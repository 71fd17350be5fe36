/* SPDX-License-Identifier: GPL-2.0 */
/* A target and a replacement that tell nothing of their functions: the object has no BTF (built without -g). */
#include "context.h"

char _license[] SEC("license") = "GPL";

SEC("tc")
int plain(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("freplace")
int plain_replacement(int a)
{
	return a;
}
