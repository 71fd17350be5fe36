// SPDX-License-Identifier: GPL-2.0
/* Variables of all kinds, for the values that a loader sets. */
#include "defs.h"

enum color { RED, GREEN, BLUE = 40 };
enum sign { MINUS = -2, PLUS = 2 };

struct pair {
	u32 low : 3, high : 5;
	s32 delta : 4;
	enum color color : 6;
};

struct limits {
	u32 count;
	union {
		u64 wide;
		struct {
			u32 first, second;
		};
	};
	u8 bytes[4];
	struct pair pairs[3];
};

const volatile u32 rounds = 1;
const volatile bool unsafe = 0;
const volatile enum color color = GREEN;
const volatile enum sign sign = PLUS;
const volatile struct limits limits = { .count = 5, .bytes = { 1, 2, 3, 4 } };
const volatile short grid[2][3] = { { 1, 2, 3 }, { 4, 5, 6 } };
const volatile s32 least = -1;
const volatile u64 mask = 7;
const volatile void *const volatile nowhere = 0;
__attribute__((used)) const volatile float ratio = 1.5;
s32 counter = 9;
static volatile u8 hidden = 3;
u64 total;
struct limits later[2];
long mine SEC(".data.mine") = 4;

/* Its loop has as many rounds as the constant says, and a bad access which only one value of another lets happen. */
SEC("socket") int looping(void *ctx)
{
	volatile u32 sum = 0;

	for (u32 i = 0; i < rounds; i++)
		sum += i;
	if (unsafe)
		return *(volatile int *)8;
	return sum;
}

SEC("socket") int enumerated(void *ctx)
{
	if (color == BLUE && limits.pairs[2].high == 17)
		return *(volatile int *)8;
	return 0;
}

/* Not frozen: what .data and .bss begin with says nothing about what they hold. */
SEC("socket") int writable(void *ctx)
{
	static u32 calls;

	calls++;
	total += counter + hidden + mine + calls + least + grid[1][2] + mask + sign + later[1].bytes[3];
	return nowhere != 0;
}

char LICENSE[] SEC("license") = "GPL";
