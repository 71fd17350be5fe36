r0 = 1
r7 = *(u32 *)(r1 +0)
if w7 == 0x0 goto pc+6
r6 = 0
r1 = r0
r2 = r6
call pc+3
r6 += 1
if r6 < r7 goto pc-5
exit
r0 = r1
r0 >>= 3
r0 ^= r2
r1 *= 31
r0 += r1
exit
