r0 = 1
r1 = *(u32 *)(r1 +0)
if w1 == 0x0 goto pc+21
r4 = 0x139408dcbbf7a44
r5 = 1
w2 = 0
r3 = 0x5851f42d4c957f2d
r0 = r4
r0 <<= 13
r0 ^= r4
r6 = r0
r6 >>= 7
r6 ^= r0
r4 = r6
r4 <<= 17
r4 ^= r6
r5 *= r3
r0 = r4
r0 += r5
w2 += 1
r5 = r0
if w2 < w1 goto pc-15
exit
