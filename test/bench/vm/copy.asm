r2 = *(u32 *)(r1 +4)
if w2 == 0x0 goto pc+12
w3 = 0
r4 = 0
r5 = r1
r5 += r4
r0 = *(u64 *)(r5 +8)
r5 += 32776
*(u64 *)(r5 +0) = r0
r4 += 8
if r4 == 0x8000 goto pc+1
goto pc-8
w3 += 1
if w3 < w2 goto pc-11
r1 += 40008
r0 = *(u64 *)(r1 +0)
exit
