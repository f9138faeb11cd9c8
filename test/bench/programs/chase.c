#include "program.h"

enum { COUNT = 1 << 15 };

struct item {
	struct item *next;
	u64 value;
};

static struct item items[COUNT];
static u32 order[COUNT];

static NOINLINE u64 chase(const struct item *item, u64 steps)
{
	u64 sum = 0;
	for (; steps; steps--) {
		sum += item->value;
		item = item->next;
	}
	return sum;
}

u64 run(void)
{
	u64 random = 5, result = 0;
	for (u32 i = 0; i < COUNT; i++)
		order[i] = i;
	for (u32 i = COUNT - 1; i > 0; i--) {
		u32 j = next_random(&random) % (i + 1), swapped = order[i];
		order[i] = order[j];
		order[j] = swapped;
	}
	for (u32 i = 0; i < COUNT; i++) {
		items[order[i]].next = &items[order[(i + 1) % COUNT]];
		items[order[i]].value = next_random(&random);
	}
	for (int round = 0; round < ROUNDS; round++)
		result = result * 31 + chase(&items[round % COUNT], COUNT * 4);
	return result;
}
