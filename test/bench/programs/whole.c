#include "program.h"

/* Whole numbers in doubles, as languages have them that know no others: no result is ever rounded. */
static NOINLINE double next(double number)
{
	double half = number * 0.5;
	double whole = (double)(long)half;
	return whole == half ? whole : 3 * number + 1;
}

u64 run(void)
{
	double steps = 0;
	for (int i = 1; i <= ROUNDS; i++)
		for (double number = i; number != 1; number = next(number))
			steps += 1;
	return (u64)steps;
}
