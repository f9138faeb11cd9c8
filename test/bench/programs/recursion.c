#include "program.h"

static NOINLINE u64 fib(u64 n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

u64 run(void)
{
	return fib(ROUNDS);
}
