r2 = r1
r2 += 8
r3 = *(u32 *)(r1 +0)
if w3 == 0x0 goto pc+39
w4 = 12345
r5 = 0
r0 = r2
w4 *= 1103515245
w4 += 12345
w6 = w4
w6 >>= 8
*(u32 *)(r0 +0) = r6
r0 += 4
r5 += 1
if r5 < r3 goto pc-8
if w3 == 0x1 goto pc+27
r4 = 1
r1 += 12
goto pc+29
r6 += -1
r7 = r6
r7 <<= 32
r7 >>= 32
r7 <<= 2
r9 = r2
r9 += r7
r9 = *(u32 *)(r9 +0)
r7 = r8
if w9 <= w5 goto pc+5
*(u32 *)(r0 +0) = r9
r7 = 0
r0 += -4
r8 = r6
if w6 != 0x0 goto pc-15
r7 <<= 32
r7 >>= 32
r7 <<= 2
r0 = r2
r0 += r7
*(u32 *)(r0 +0) = r5
r1 += 4
r4 += 1
if r4 < r3 goto pc+5
w3 >>= 1
r3 <<= 2
r2 += r3
r0 = *(u32 *)(r2 +0)
exit
r5 = r4
r5 <<= 2
r0 = r2
r0 += r5
r5 = *(u32 *)(r0 +0)
r0 = r1
r8 = r4
r6 = r8
goto pc-38
