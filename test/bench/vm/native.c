/* The same programs compiled for this machine: the peer that the interpreter is compared with. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "programs.bpf.c"

static struct in input;

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static void fill(const char *name, u32 n, u32 rounds)
{
	for (int i = 0; i < 65536; i++)
		input.data[i] = i * 7;
	if (!strcmp(name, "pkt"))
		for (int at = 0; at < 4096; at += 64) {
			input.data[at + 12] = 8, input.data[at + 13] = 0;
			input.data[at + 14] = 0x45, input.data[at + 23] = 6;
		}
	input.n = n;
	input.rounds = rounds;
}

/* native NAME N ROUNDS REPEATS: the shortest time of a run in milliseconds. */
int main(int argc, char **argv)
{
	static const struct { const char *name; u64 (*run)(struct in *); } programs[] = {
		{ "alu", alu }, { "alu32", alu32 }, { "calls", calls }, { "copy", copy }, { "csum", csum },
		{ "ipsum", ipsum }, { "pkt", pkt }, { "sieve", sieve }, { "sip", sip }, { "sort", sort },
	};
	volatile u64 sink;
	if (argc != 5)
		return 2;
	for (unsigned i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		double best = 1e9;
		if (strcmp(programs[i].name, argv[1]))
			continue;
		for (int r = atoi(argv[4]); r > 0; r--) {
			fill(argv[1], atoi(argv[2]), atoi(argv[3]));
			double start = now();
			sink = programs[i].run(&input);
			double time = now() - start;
			if (time < best)
				best = time;
		}
		printf("%f\n", best);
		(void)sink;
		return 0;
	}
	return 1;
}
