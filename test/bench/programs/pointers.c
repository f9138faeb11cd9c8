#include "program.h"

typedef u64 operation(u64 a, u64 b);

static u64 add(u64 a, u64 b) { return a + b; }
static u64 subtract(u64 a, u64 b) { return a - b; }
static u64 exclusive_or(u64 a, u64 b) { return a ^ b; }
static u64 multiply(u64 a, u64 b) { return a * (b | 1); }
static u64 rotate(u64 a, u64 b) { return a << (b & 63) | a >> (-b & 63); }
static u64 larger(u64 a, u64 b) { return a > b ? a : b; }
static u64 invert(u64 a, u64 b) { return ~a + b; }
static u64 mix(u64 a, u64 b) { return (a >> 7) + b * 3; }

static operation *const operations[] = { add, subtract, exclusive_or, multiply, rotate, larger, invert, mix };

u64 run(void)
{
	u64 random = 11, result = 1;
	operation *const volatile *table = operations;
	for (u64 i = 0; i < ROUNDS; i++)
		result = table[next_random(&random) & 7](result, i);
	return result;
}
