r6 = r1
r0 = 0
r1 = *(u32 *)(r6 +0)
if w1 == 0x0 goto pc+10
r7 = 0
r8 = 0
r1 = 1
r2 = r7
call bpf_ktime_get_ns#5
r0 += r8
r7 += 1
r1 = *(u32 *)(r6 +0)
r8 = r0
if r7 < r1 goto pc-8
exit
