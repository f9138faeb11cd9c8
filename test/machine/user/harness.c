/*
 * Runs sequences of instructions from given registers, and tells what they left: a program for any arm64 Linux, and for
 * qemu's user mode. What the messages look like is in protocol.ts.
 *
 * A signal's frame holds every register, and returning from the handler loads them: so the handler is the whole loop.
 * It reports the state it interrupted, loads the registers of the next sequence, and returns into it.
 */

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef u64 pair __attribute__((vector_size(16), may_alias));

enum { CODE = 0x50000000, CODE_SIZE = 0x40000, WINDOW = 0x50080000, WINDOW_SIZE = 0x10000, PAGE = 0x1000 };
enum { READ = 63, WRITE = 64, EXIT = 93, SIGALTSTACK = 132, RT_SIGACTION = 134, MMAP = 222, MPROTECT = 226 };
enum { SIGILL = 4, SIGTRAP = 5, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_PRIVATE_FIXED_ANONYMOUS = 0x32 };
enum { SA_SIGINFO = 4, SA_ONSTACK = 0x08000000 };
enum { FPSIMD_MAGIC = 0x46508001, MAX_WORDS = PAGE / 4, STRIDE = 32 };

struct state {
	u64 x[31], sp, pc, nzcv, fpcr, fpsr;
	u64 v[32][2];
};

struct order {
	u32 kind, words;
	struct state state;
};
enum { ORDER_RUN, ORDER_CODE, ORDER_WINDOW };

struct report {
	u32 signal, changes;
	u64 fault_address;
	struct state state;
};

struct change {
	u64 offset, value;
};

/* Linux' arch/arm64/include/uapi/asm/{sigcontext,ucontext}.h */
struct context {
	u64 flags, link, stack[3];
	u8 mask[128];
	u64 padding, fault_address, x[31], sp, pc, pstate;
	u8 records[4096] __attribute__((aligned(16)));
};

struct fpsimd {
	u32 magic, size, fpsr, fpcr;
	u64 v[32][2];
};

static u64 initial[WINDOW_SIZE / 8] __attribute__((aligned(16)));
static u64 alternate_stack[0x8000 / 8];
static struct change changed[WINDOW_SIZE / 8];
static int running;

static long call(long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	register u64 x0 asm("x0") = a, x1 asm("x1") = b, x2 asm("x2") = c, x3 asm("x3") = d, x4 asm("x4") = e, x5 asm("x5") = f;
	register long x8 asm("x8") = number;
	asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return (long)x0;
}

static _Noreturn void leave(int status)
{
	for (;;)
		call(EXIT, status, 0, 0, 0, 0, 0);
}

static void require(int holds, int status)
{
	if (!holds)
		leave(status);
}

/* @returns 0 where the input ends before it */
static int receive(void *to, u64 size)
{
	for (u64 done = 0; done < size;) {
		long got = call(READ, 0, (u64)to + done, size - done, 0, 0, 0);
		require(got >= 0, 2);
		if (got == 0)
			return 0;
		done += got;
	}
	return 1;
}

static void send(const void *from, u64 size)
{
	for (u64 done = 0; done < size;) {
		long sent = call(WRITE, 1, (u64)from + done, size - done, 0, 0, 0);
		require(sent > 0, 3);
		done += sent;
	}
}

void *memcpy(void *to, const void *from, u64 size)
{
	for (u64 i = 0; i < size; i++)
		((volatile u8 *)to)[i] = ((const u8 *)from)[i];
	return to;
}

static void copy64(volatile u64 *to, const volatile u64 *from, u32 count)
{
	for (u32 i = 0; i < count; i++)
		to[i] = from[i];
}

static struct fpsimd *fpsimd_of(struct context *context)
{
	u8 *record = context->records;
	while (((struct fpsimd *)record)->magic != FPSIMD_MAGIC) {
		require(((struct fpsimd *)record)->size != 0, 4);
		record += ((struct fpsimd *)record)->size;
	}
	return (struct fpsimd *)record;
}

/* Nearly all of the window is as it was: the frame has the registers, and this may use all of them. */
static int is_same(const pair *a, const pair *b)
{
	pair differs = a[0] ^ b[0];
	for (u32 i = 1; i < STRIDE / 2; i++)
		differs |= a[i] ^ b[i];
	return (differs[0] | differs[1]) == 0;
}

static void report(int signal, u64 address, struct context *context)
{
	static struct report result;
	struct fpsimd *fp = fpsimd_of(context);
	u64 *window = (u64 *)WINDOW;
	u32 changes = 0;
	for (u32 start = 0; start < WINDOW_SIZE / 8; start += STRIDE) {
		if (is_same((const pair *)&window[start], (const pair *)&initial[start]))
			continue;
		for (u32 i = start; i < start + STRIDE; i++) {
			if (window[i] == initial[i])
				continue;
			changed[changes].offset = i * 8;
			changed[changes++].value = window[i];
			window[i] = initial[i];
		}
	}
	result.signal = signal;
	result.changes = changes;
	result.fault_address = address;
	copy64(result.state.x, context->x, 31);
	result.state.sp = context->sp;
	result.state.pc = context->pc;
	result.state.nzcv = context->pstate >> 28 & 15;
	result.state.fpcr = fp->fpcr;
	result.state.fpsr = fp->fpsr;
	copy64(result.state.v[0], fp->v[0], 64);
	send(&result, sizeof result);
	send(changed, changes * sizeof *changed);
}

static void place(const struct order *order)
{
	u64 page = order->state.pc & -(u64)PAGE;
	require(page >= CODE && page < CODE + CODE_SIZE && order->words <= MAX_WORDS, 5);
	require(!call(MPROTECT, page, PAGE, PROT_READ | PROT_WRITE, 0, 0, 0), 6);
	require(receive((void *)page, order->words * 4), 7);
	for (u64 line = page; line < page + order->words * 4; line += 16)
		asm volatile("dc cvau, %0; dsb ish; ic ivau, %0" : : "r"(line) : "memory");
	asm volatile("dsb ish; isb" : : : "memory");
	require(!call(MPROTECT, page, PAGE, PROT_READ | PROT_EXEC, 0, 0, 0), 6);
}

static void start(const struct order *order, struct context *context)
{
	struct fpsimd *fp = fpsimd_of(context);
	copy64(context->x, order->state.x, 31);
	context->sp = order->state.sp;
	context->pc = order->state.pc;
	context->pstate = order->state.nzcv << 28;
	fp->fpcr = order->state.fpcr;
	fp->fpsr = order->state.fpsr;
	copy64(fp->v[0], order->state.v[0], 64);
	asm volatile("msr tpidr_el0, xzr; clrex");
}

static void handle(int signal, const u64 *info, struct context *context)
{
	static struct order order;
	if (running)
		report(signal, info[2], context);
	running = 1;
	for (;;) {
		if (!receive(&order, sizeof order))
			leave(0);
		if (order.kind == ORDER_RUN)
			return start(&order, context);
		if (order.kind == ORDER_CODE) {
			place(&order);
		} else {
			require(receive(initial, WINDOW_SIZE), 7);
			copy64((u64 *)WINDOW, initial, WINDOW_SIZE / 8);
		}
	}
}

static void map(u64 address, u64 size, int protection)
{
	require((u64)call(MMAP, address, size, protection, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0) == address, 8);
}

void _start(void)
{
	static const int signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV };
	u64 action[4] = { (u64)handle, SA_SIGINFO | SA_ONSTACK, 0, 0 };
	u64 stack[3] = { (u64)alternate_stack, 0, sizeof alternate_stack };
	map(CODE, CODE_SIZE, PROT_READ | PROT_EXEC);
	map(WINDOW, WINDOW_SIZE, PROT_READ | PROT_WRITE);
	require(!call(SIGALTSTACK, (u64)stack, 0, 0, 0, 0, 0), 9);
	for (u32 i = 0; i < sizeof signals / sizeof *signals; i++)
		require(!call(RT_SIGACTION, signals[i], (u64)action, 0, 8, 0, 0), 9);
	asm volatile("brk #0");
	leave(10);
}
