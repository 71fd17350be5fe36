r0 = 0
r2 = *(u32 *)(r1 +4)
*(u32 *)(r10 -8) = r2
if w2 == 0x0 goto pc+43
w3 = 0
r2 = r1
r2 += 12
*(u64 *)(r10 -16) = r2
r1 += 8
w5 = 1
w6 = 0
w0 = 0
goto pc+4
w6 += 1
r2 = *(u32 *)(r10 -8)
if w6 < w2 goto pc+1
goto pc+29
r2 = 0
r7 = r1
r7 += r2
*(u8 *)(r7 +0) = r5
r2 += 1
if r2 != 0x10000 goto pc-5
r7 = 4
r8 = 2
r4 = *(u64 *)(r10 -16)
goto pc+11
r9 = r4
r9 += r2
*(u8 *)(r9 +0) = r3
r2 += r8
r9 = r7
r9 += r2
if r9 < 0x10000 goto pc-7
r4 += 2
r7 += 2
r8 += 1
if r8 == 0x10000 goto pc-25
r2 = r1
r2 += r8
r2 = *(u8 *)(r2 +0)
if w2 == 0x0 goto pc-8
w0 += 1
if r8 > 0x7fff goto pc-10
r2 = 0
goto pc-19
w0 = w0
exit
