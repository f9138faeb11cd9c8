#include "program.h"

enum { COUNT = 1 << 16 };

static u32 numbers[COUNT];

static NOINLINE void sort(u32 *from, u32 *to)
{
	while (to - from > 1) {
		u32 pivot = from[(to - from) / 2], *low = from, *high = to - 1;
		while (low <= high) {
			while (*low < pivot)
				low++;
			while (*high > pivot)
				high--;
			if (low > high)
				break;
			u32 swapped = *low;
			*low++ = *high;
			*high-- = swapped;
		}
		sort(from, high + 1);
		from = low;
	}
}

u64 run(void)
{
	u64 random = 7, result = 0;
	for (int round = 0; round < ROUNDS; round++) {
		for (u32 i = 0; i < COUNT; i++)
			numbers[i] = next_random(&random);
		sort(numbers, numbers + COUNT);
		for (u32 i = 0; i < COUNT; i += 97)
			result = result * 31 + numbers[i];
	}
	return result;
}
