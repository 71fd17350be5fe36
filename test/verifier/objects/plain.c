/* SPDX-License-Identifier: GPL-2.0 */
/* A target that tells nothing of its functions: the object has no BTF of its own code (built without -g). */
#include "context.h"

char _license[] SEC("license") = "GPL";

SEC("tc")
int plain(struct __sk_buff *skb)
{
	return skb->len;
}
