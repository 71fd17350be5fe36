typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64; typedef int s32;
#define SEC(x) __attribute__((section("p/" x), used))
struct in { u32 n; u32 rounds; u8 data[65536]; };
SEC("alu") u64 alu(struct in *c) { u64 x = 88172645463325252ull, s = 1; for (u32 i = 0; i < c->n; i++) { x ^= x << 13; x ^= x >> 7; x ^= x << 17; s = s * 6364136223846793005ull + x; } return s; }
SEC("alu32") u64 alu32(struct in *c) { u32 h = 0x1234567; for (u32 i = 0; i < c->n; i++) { u32 k = i * 0xcc9e2d51u; k = (k << 15) | (k >> 17); k *= 0x1b873593u; h ^= k; h = (h << 13) | (h >> 19); h = h * 5 + 0xe6546b64u; } return h; }
SEC("csum") u64 csum(struct in *c) { u32 a = 1, b = 0; for (u32 r = 0; r < c->rounds; r++) for (u32 i = 0; i < 65536; i++) { a += c->data[i]; b += a; } return ((u64)b << 32) | a; }
SEC("ipsum") u64 ipsum(struct in *c) { u64 s = 0; for (u32 r = 0; r < c->rounds; r++) for (u32 i = 0; i < 16384; i++) s += ((u32 *)c->data)[i]; while (s >> 16) s = (s & 0xffff) + (s >> 16); return s; }
SEC("sieve") u64 sieve(struct in *c) { u32 k = 0; for (u32 r = 0; r < c->rounds; r++) { for (u32 i = 0; i < 65536; i++) c->data[i] = 1; for (u32 i = 2; i < 65536; i++) { if (!c->data[i]) continue; k++; for (u32 j = i + i; j < 65536; j += i) c->data[j] = 0; } } return k; }
static __attribute__((noinline)) u64 mix(u64 a, u64 b) { return a * 31 + (b ^ (a >> 3)); }
SEC("calls") u64 calls(struct in *c) { u64 s = 1; for (u32 i = 0; i < c->n; i++) s = mix(s, i); return s; }
SEC("copy") u64 copy(struct in *c) { u64 *d = (u64 *)c->data; for (u32 r = 0; r < c->rounds; r++) for (u32 i = 0; i < 4096; i++) d[4096 + i] = d[i]; return d[5000]; }
SEC("sort") u64 sort(struct in *c) { u32 *d = (u32 *)c->data; u32 x = 12345; for (u32 i = 0; i < c->n; i++) { x = x * 1103515245u + 12345; d[i] = x >> 8; } for (u32 i = 1; i < c->n; i++) { u32 v = d[i]; u32 j = i; while (j > 0 && d[j - 1] > v) { d[j] = d[j - 1]; j--; } d[j] = v; } return d[c->n / 2]; }
struct pk { u8 dm[6], sm[6]; u16 proto; u8 vihl, tos; u16 len; u16 id, frag; u8 ttl, p; u16 ck; u32 s, d; u16 sp, dp; u32 seq, ack; u8 off, flags; } __attribute__((packed));
SEC("pkt") u64 pkt(struct in *c) { u64 acc = 0; for (u32 r = 0; r < c->n; r++) { struct pk *p = (struct pk *)(c->data + (r & 63) * 64); if (p->proto != 8) continue; if ((p->vihl >> 4) != 4) continue; u32 hl = (p->vihl & 15) * 4; if (p->p != 6) continue; u16 *ports = (u16 *)((u8 *)p + 14 + hl); acc += ports[0] ^ ports[1]; if (p->flags & 2) acc++; acc = acc * 3 + p->ttl; } return acc; }
static u64 (*const lookup)(u64, u64) = (void *)5;
SEC("help") u64 help(struct in *c) { u64 s = 0; for (u32 i = 0; i < c->n; i++) s += lookup(1, i); return s; }
#define ROTL(x,b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ROUND v0 += v1; v1 = ROTL(v1, 13); v1 ^= v0; v0 = ROTL(v0, 32); v2 += v3; v3 = ROTL(v3, 16); v3 ^= v2; v0 += v3; v3 = ROTL(v3, 21); v3 ^= v0; v2 += v1; v1 = ROTL(v1, 17); v1 ^= v2; v2 = ROTL(v2, 32);
SEC("sip") u64 sip(struct in *c) { u64 v0 = 0x736f6d6570736575ull, v1 = 0x646f72616e646f6dull, v2 = 0x6c7967656e657261ull, v3 = 0x7465646279746573ull; u64 *d = (u64 *)c->data; for (u32 r = 0; r < c->rounds; r++) for (u32 i = 0; i < 8192; i++) { u64 m = d[i]; v3 ^= m; ROUND ROUND v0 ^= m; } v2 ^= 0xff; ROUND ROUND ROUND ROUND return v0 ^ v1 ^ v2 ^ v3; }
