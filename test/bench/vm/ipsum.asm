r0 = 0
r2 = *(u32 *)(r1 +4)
if w2 == 0x0 goto pc+18
w3 = 0
r1 += 8
r4 = 0
r5 = r1
r5 += r4
r5 = *(u32 *)(r5 +0)
r0 += r5
r4 += 4
if r4 == 0x10000 goto pc+1
goto pc-7
w3 += 1
if w3 < w2 goto pc-10
if r0 < 0x10000 goto pc+5
r1 = r0
r1 >>= 16
r0 &= 65535
r0 += r1
if r0 > 0xffff goto pc-5
exit
