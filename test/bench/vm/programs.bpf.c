// The benchmark programs. Their instructions stand in NAME.asm beside this file, as made by
//   clang -O2 -fno-builtin -fno-vectorize -target bpf -mcpu=v3 -c programs.bpf.c
// and Drydock's disassembler (array.asm and hash.asm were written by hand).

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(name) __attribute__((section("p/" name), used))
#define DATA 65536

struct in {
	u32 n;
	u32 rounds;
	u8 data[DATA];
};

// xorshift and a linear congruence
SEC("alu")
u64 alu(struct in *c)
{
	u64 x = 88172645463325252ull, s = 1;

	for (u32 i = 0; i < c->n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		s = s * 6364136223846793005ull + x;
	}
	return s;
}

// 32-bit multiply, rotate, mix
SEC("alu32")
u64 alu32(struct in *c)
{
	u32 h = 0x1234567;

	for (u32 i = 0; i < c->n; i++) {
		u32 k = i * 0xcc9e2d51u;

		k = (k << 15) | (k >> 17);
		k *= 0x1b873593u;
		h ^= k;
		h = (h << 13) | (h >> 19);
		h = h * 5 + 0xe6546b64u;
	}
	return h;
}

// byte by byte
SEC("csum")
u64 csum(struct in *c)
{
	u32 a = 1, b = 0;

	for (u32 r = 0; r < c->rounds; r++)
		for (u32 i = 0; i < DATA; i++) {
			a += c->data[i];
			b += a;
		}
	return ((u64)b << 32) | a;
}

// word by word, folded at the end
SEC("ipsum")
u64 ipsum(struct in *c)
{
	u64 s = 0;

	for (u32 r = 0; r < c->rounds; r++)
		for (u32 i = 0; i < DATA / 4; i++)
			s += ((u32 *)c->data)[i];
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return s;
}

SEC("sieve")
u64 sieve(struct in *c)
{
	u32 k = 0;

	for (u32 r = 0; r < c->rounds; r++) {
		for (u32 i = 0; i < DATA; i++)
			c->data[i] = 1;
		for (u32 i = 2; i < DATA; i++) {
			if (!c->data[i])
				continue;
			k++;
			for (u32 j = i + i; j < DATA; j += i)
				c->data[j] = 0;
		}
	}
	return k;
}

static __attribute__((noinline)) u64 mix(u64 a, u64 b)
{
	return a * 31 + (b ^ (a >> 3));
}

SEC("calls")
u64 calls(struct in *c)
{
	u64 s = 1;

	for (u32 i = 0; i < c->n; i++)
		s = mix(s, i);
	return s;
}

SEC("copy")
u64 copy(struct in *c)
{
	u64 *d = (u64 *)c->data;

	for (u32 r = 0; r < c->rounds; r++)
		for (u32 i = 0; i < 4096; i++)
			d[4096 + i] = d[i];
	return d[5000];
}

// insertion sort
SEC("sort")
u64 sort(struct in *c)
{
	u32 *d = (u32 *)c->data;
	u32 x = 12345;

	for (u32 i = 0; i < c->n; i++) {
		x = x * 1103515245u + 12345;
		d[i] = x >> 8;
	}
	for (u32 i = 1; i < c->n; i++) {
		u32 v = d[i];
		u32 j = i;

		while (j > 0 && d[j - 1] > v) {
			d[j] = d[j - 1];
			j--;
		}
		d[j] = v;
	}
	return d[c->n / 2];
}

struct packet {
	u8 dmac[6], smac[6];
	u16 proto;
	u8 version, tos;
	u16 len, id, frag;
	u8 ttl, protocol;
	u16 check;
	u32 saddr, daddr;
	u16 sport, dport;
	u32 seq, ack;
	u8 doff, flags;
} __attribute__((packed));

// Ethernet, IPv4 and TCP headers
SEC("pkt")
u64 pkt(struct in *c)
{
	u64 acc = 0;

	for (u32 r = 0; r < c->n; r++) {
		struct packet *p = (struct packet *)(c->data + (r & 63) * 64);

		if (p->proto != 8)
			continue;
		if ((p->version >> 4) != 4)
			continue;
		u32 header = (p->version & 15) * 4;

		if (p->protocol != 6)
			continue;
		u16 *ports = (u16 *)((u8 *)p + 14 + header);

		acc += ports[0] ^ ports[1];
		if (p->flags & 2)
			acc++;
		acc = acc * 3 + p->ttl;
	}
	return acc;
}

static u64 (*const ktime)(u64, u64) = (void *)5;

SEC("help")
u64 help(struct in *c)
{
	u64 s = 0;

	for (u32 i = 0; i < c->n; i++)
		s += ktime(1, i);
	return s;
}

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ROUND                                                                                      \
	v0 += v1; v1 = ROTL(v1, 13); v1 ^= v0; v0 = ROTL(v0, 32);                                  \
	v2 += v3; v3 = ROTL(v3, 16); v3 ^= v2;                                                     \
	v0 += v3; v3 = ROTL(v3, 21); v3 ^= v0;                                                     \
	v2 += v1; v1 = ROTL(v1, 17); v1 ^= v2; v2 = ROTL(v2, 32);

// SipHash
SEC("sip")
u64 sip(struct in *c)
{
	u64 v0 = 0x736f6d6570736575ull, v1 = 0x646f72616e646f6dull;
	u64 v2 = 0x6c7967656e657261ull, v3 = 0x7465646279746573ull;
	u64 *d = (u64 *)c->data;

	for (u32 r = 0; r < c->rounds; r++)
		for (u32 i = 0; i < DATA / 8; i++) {
			u64 m = d[i];

			v3 ^= m;
			ROUND ROUND v0 ^= m;
		}
	v2 ^= 0xff;
	ROUND ROUND ROUND ROUND return v0 ^ v1 ^ v2 ^ v3;
}
