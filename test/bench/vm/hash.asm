r6 = *(u32 *)(r1 +0)
r7 = 0 ll
r8 = 0
again:
r1 = r8
w1 &= 511
*(u32 *)(r10 -4) = r1
r1 = r7
r2 = r10
r2 += -4
call bpf_map_lookup_elem
if r0 == 0 goto out
r1 = *(u64 *)(r0 +0)
r1 += 1
*(u64 *)(r0 +0) = r1
r8 += 1
if r8 < r6 goto again
r0 = r1
out:
exit
