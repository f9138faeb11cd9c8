#include "program.h"

/* Points of the plane that stay near zero, in doubles whose products and sums are rounded each for itself. */
#define SIZE 64
#define MOST 1000

static NOINLINE int stays(double x, double y)
{
	double a = 0, b = 0;
	int i;
	for (i = 0; i < MOST && a * a + b * b <= 4; i++) {
		double next = a * a - b * b + x;
		b = 2 * a * b + y;
		a = next;
	}
	return i;
}

u64 run(void)
{
	u64 result = 0;
	for (int i = 0; i < ROUNDS; i++)
		for (int y = 0; y < SIZE; y++)
			for (int x = 0; x < SIZE; x++)
				result = result * 31 + stays(x * (3.0 / SIZE) - 2.1, y * (2.4 / SIZE) - 1.2);
	return result;
}
