r0 = 0
r2 = *(u32 *)(r1 +0)
if w2 == 0x0 goto pc+7
w3 = 0
r1 += 8
w4 = 0
goto pc+4
w3 += 64
w4 += 1
if w4 < w2 goto pc+1
exit
w6 = w3
w6 &= 4032
r5 = r1
r5 += r6
r6 = *(u8 *)(r5 +13)
w6 <<= 8
r7 = *(u8 *)(r5 +12)
w6 |= w7
if w6 != 0x8 goto pc-13
r6 = *(u8 *)(r5 +14)
w7 = w6
w7 &= 240
if w7 != 0x40 goto pc-17
r7 = *(u8 *)(r5 +23)
if w7 != 0x6 goto pc-19
r7 = r5
r7 += 14
w6 <<= 2
w6 &= 60
r7 += r6
r6 = *(u16 *)(r7 +0)
r7 = *(u16 *)(r7 +2)
w7 ^= w6
r7 &= 65535
r0 += r7
r6 = *(u8 *)(r5 +47)
r6 >>= 1
r6 &= 1
r0 += r6
r5 = *(u8 *)(r5 +22)
r0 *= 3
r0 += r5
goto pc-37
