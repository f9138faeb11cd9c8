#include "program.h"

/* Five bodies that attract each other, in doubles. */
#define BODIES 5

struct body {
	double at[3], speed[3], mass;
};

static struct body bodies[BODIES];

static NOINLINE void step(double time)
{
	for (int i = 0; i < BODIES; i++) {
		for (int j = i + 1; j < BODIES; j++) {
			double distance[3], square = 0;
			for (int k = 0; k < 3; k++) {
				distance[k] = bodies[i].at[k] - bodies[j].at[k];
				square += distance[k] * distance[k];
			}
			double pull = time / (square * __builtin_sqrt(square));
			for (int k = 0; k < 3; k++) {
				bodies[i].speed[k] -= distance[k] * bodies[j].mass * pull;
				bodies[j].speed[k] += distance[k] * bodies[i].mass * pull;
			}
		}
	}
	for (int i = 0; i < BODIES; i++)
		for (int k = 0; k < 3; k++)
			bodies[i].at[k] += time * bodies[i].speed[k];
}

u64 run(void)
{
	u64 seed = 1;
	for (int i = 0; i < BODIES; i++) {
		for (int k = 0; k < 3; k++) {
			bodies[i].at[k] = (double)(next_random(&seed) & 0xffff) / 1024 + i;
			bodies[i].speed[k] = (double)(next_random(&seed) & 0xffff) / 65536;
		}
		bodies[i].mass = 1.0 / (1 + i);
	}
	for (int i = 0; i < ROUNDS; i++)
		step(0.001);
	u64 result = 0;
	for (int i = 0; i < BODIES; i++)
		for (int k = 0; k < 3; k++)
			result = result * 31 + bits_of(bodies[i].at[k]);
	return result;
}
