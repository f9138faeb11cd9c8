/* What the programs of the benchmark share. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

#define NOINLINE __attribute__((noinline, noclone))

/* The program: gives a number that shows that it did its work. */
u64 run(void);

static inline u64 next_random(u64 *state)
{
	*state = *state * 6364136223846793005ul + 1442695040888963407ul;
	return *state >> 33;
}

static inline u64 bits_of(double number)
{
	union {
		double number;
		u64 bits;
	} both = { number };
	return both.bits;
}
