r0 = 1
r3 = *(u32 *)(r1 +4)
if w3 == 0x0 goto pc+20
w2 = 1
w4 = 0
r1 += 8
w5 = 0
r6 = 0
r0 = r1
r0 += r6
r0 = *(u8 *)(r0 +0)
w2 += w0
w0 = w2
w0 += w5
r6 += 1
w5 = w0
if r6 == 0x10000 goto pc+1
goto pc-10
w4 += 1
w5 = w0
if w4 < w3 goto pc-14
r0 <<= 32
r0 |= r2
exit
