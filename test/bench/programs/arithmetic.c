#include "program.h"

static NOINLINE u64 gcd(u64 a, u64 b)
{
	while (b) {
		u64 rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

static NOINLINE u64 power(u64 base, u64 exponent, u64 modulus)
{
	u64 result = 1;
	for (base %= modulus; exponent; exponent >>= 1) {
		if (exponent & 1)
			result = result * base % modulus;
		base = base * base % modulus;
	}
	return result;
}

static NOINLINE u32 collatz(u64 n)
{
	u32 steps = 0;
	for (; n != 1; steps++)
		n = n & 1 ? 3 * n + 1 : n >> 1;
	return steps;
}

u64 run(void)
{
	u64 random = 13, result = 0;
	for (int i = 0; i < ROUNDS; i++) {
		u64 a = next_random(&random) | 1, b = next_random(&random) | 1;
		result += gcd(a, b) + collatz(a) + (u64)((unsigned __int128)(a * b) * result >> 64);
		result ^= power(a, b, 0x7fffffff);
	}
	return result;
}
