#include "program.h"

/* A filter over singles, in vectors. */
#define SIZE 4096
#define TAPS 8

static float in[SIZE + TAPS], out[SIZE];

static NOINLINE void filter(const float *taps)
{
	for (int i = 0; i < SIZE; i++)
		out[i] = 0;
	for (int j = 0; j < TAPS; j++)
		for (int i = 0; i < SIZE; i++)
			out[i] += in[i + j] * taps[j];
}

u64 run(void)
{
	u64 seed = 1, result = 0;
	float taps[TAPS];
	for (int i = 0; i < SIZE + TAPS; i++)
		in[i] = (float)(next_random(&seed) & 0xffff) / 65537;
	for (int i = 0; i < TAPS; i++)
		taps[i] = 1.0f / (3 + i);
	for (int i = 0; i < ROUNDS; i++)
		filter(taps);
	for (int i = 0; i < SIZE; i++)
		result = result * 31 + bits_of(out[i]);
	return result;
}
