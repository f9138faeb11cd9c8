/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stands between the real kexec and the kernel (LD_PRELOAD).
 *
 * The system calls that would change the machine are written down instead of made, in the form of KEXEC_RECORD's
 * calls.json (one object per line, in $SHIM_OUT/calls.jsonl), and answered from $SHIM_RESULTS: 0 or negative errnos
 * with colons between them (qemu splits variables at commas), one per call. Those are the answers that our simulated
 * kernel gave to the same calls, so that both tools go on alike; whether the answers themselves are a kernel's is
 * tested elsewhere. Past the end of the list, kexec_file_load() gives -ENOSYS and the others 0.
 *
 * sync() and SIOCSIFFLAGS are written down in the same way, and so is execv(), which takes /sbin/shutdown for a program
 * that is there and ends the process. The network interfaces are those of the recorded /sys/class/net.
 *
 * A successful load changes /sys/kernel/kexec_loaded or kexec_crash_loaded, as the kernel does.
 * getrandom() gives the bytes 0x10, 0x11, ... 0x17, and again from 0x10 on.
 * sysconf(_SC_NPROCESSORS_CONF) is what the recorded /sys says: the list of possible CPUs, which glibc reads since
 * 2.35, or else the number of cpuN directories, as glibc did before. glibc itself falls back to asking for its own
 * process's CPUs, which are the host's. $SHIM_PAGE_SIZE is the machine's page size.
 * malloc() gives zeroed memory: else a few bytes that are passed to the kernel (gaps between the purgatory's sections)
 * are what the memory was used for before.
 *
 * Of libc itself only exit(), calloc() and __sysconf() are used, so one object serves every release of it.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

extern char **environ;
extern int *__errno_location(void);
extern long __sysconf(int name);
extern void *calloc(size_t count, size_t size);
extern void exit(int status) __attribute__((noreturn));

enum {
	AT_FDCWD_ = -100,
	O_RDONLY_ = 0,
	O_WRONLY_ = 01,
	O_CREAT_ = 0100,
	O_TRUNC_ = 01000,
	O_APPEND_ = 02000,
	PROT_RW_ = 3,
	MAP_PRIVATE_ANONYMOUS_ = 0x22,
	SC_NPROCESSORS_CONF_ = 83,
	SIOCGIFFLAGS_ = 0x8913,
	SIOCSIFFLAGS_ = 0x8914,
	IFNAMSIZ_ = 16,
	ENOENT_ = 2,
	ENODEV_ = 19,
	ENOSYS_ = 38,
};

enum {
	NR_ioctl = 29,
	NR_openat = 56,
	NR_close = 57,
	NR_getdents64 = 61,
	NR_write = 64,
	NR_pread64 = 67,
	NR_exit_group = 94,
	NR_kexec_load = 104,
	NR_getrandom = 278,
	NR_kexec_file_load = 294,
};

struct kexec_segment {
	const void *buf;
	uint64_t bufsz;
	uint64_t mem;
	uint64_t memsz;
};

static long raw(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return x0;
}

static long finish(long result)
{
	if (result < 0 && result > -4096) {
		*__errno_location() = (int)-result;
		return -1;
	}
	return result;
}

static __attribute__((noreturn)) void give_up(void)
{
	static const char text[] = "shim: cannot record a call\n";

	raw(NR_write, 2, (long)text, sizeof(text) - 1, 0, 0, 0);
	raw(NR_exit_group, 99, 0, 0, 0, 0, 0);
	__builtin_unreachable();
}

static size_t length(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

static const char *variable(const char *name)
{
	size_t n = length(name);
	char **e;

	for (e = environ; *e; e++) {
		size_t i = 0;

		while (i < n && (*e)[i] == name[i])
			i++;
		if (i == n && (*e)[n] == '=')
			return *e + n + 1;
	}
	return NULL;
}

/* Text that grows at its end. */
struct text {
	char bytes[65536];
	size_t used;
};

static void put_char(struct text *t, char c)
{
	if (t->used + 1 >= sizeof(t->bytes))
		give_up();
	t->bytes[t->used++] = c;
	t->bytes[t->used] = 0;
}

static void put(struct text *t, const char *s)
{
	while (*s)
		put_char(t, *s++);
}

static void put_number(struct text *t, uint64_t value, unsigned base)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		put_char(t, digits[--n]);
}

static void put_hex_field(struct text *t, const char *name, uint64_t value)
{
	put(t, "\"");
	put(t, name);
	put(t, "\":\"0x");
	put_number(t, value, 16);
	put(t, "\"");
}

static void put_string(struct text *t, const char *s)
{
	put_char(t, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\' || c < 0x20 || c > 0x7e) {
			put(t, "\\u00");
			put_char(t, "0123456789abcdef"[c >> 4]);
			put_char(t, "0123456789abcdef"[c & 15]);
		} else {
			put_char(t, (char)c);
		}
	}
	put_char(t, '"');
}

static void write_all(int fd, const void *bytes, size_t count)
{
	const char *p = bytes;

	while (count) {
		long n = raw(NR_write, fd, (long)p, (long)count, 0, 0, 0);

		if (n <= 0)
			give_up();
		p += n;
		count -= (size_t)n;
	}
}

static int open_out(const char *name, int flags)
{
	static struct text path;
	const char *dir = variable("SHIM_OUT");
	long fd;

	if (!dir)
		give_up();
	path.used = 0;
	put(&path, dir);
	put(&path, "/");
	put(&path, name);
	fd = raw(NR_openat, AT_FDCWD_, (long)path.bytes, O_WRONLY_ | O_CREAT_ | flags, 0644, 0, 0);
	if (fd < 0)
		give_up();
	return (int)fd;
}

static void write_line(const struct text *line)
{
	int fd = open_out("calls.jsonl", O_APPEND_);

	write_all(fd, line->bytes, line->used);
	write_all(fd, "\n", 1);
	raw(NR_close, fd, 0, 0, 0, 0, 0);
}

static int calls;

/* The answer to the call that is being recorded, which is number `calls`. */
static long next_result(long otherwise)
{
	const char *p = variable("SHIM_RESULTS");
	int skip = calls++;
	long value = 0;

	while (p && *p && skip) {
		if (*p++ == ':')
			skip--;
	}
	if (!p || !*p)
		return otherwise;
	if (*p == '-')
		p++;
	while (*p >= '0' && *p <= '9')
		value = value * 10 + (*p++ - '0');
	return -value;
}

static void put_result(struct text *t, long result)
{
	put(t, ",\"result\":");
	if (result < 0)
		put(t, "-");
	put_number(t, (uint64_t)(result < 0 ? -result : result), 10);
	put(t, "}");
}

static void set_loaded(const char *path, int loaded)
{
	long fd = raw(NR_openat, AT_FDCWD_, (long)path, O_WRONLY_ | O_TRUNC_, 0, 0, 0);

	if (fd < 0)
		return;
	write_all((int)fd, loaded ? "1\n" : "0\n", 2);
	raw(NR_close, fd, 0, 0, 0, 0, 0);
}

static long record_load(uint64_t entry, uint64_t count, const struct kexec_segment *segments, uint64_t flags)
{
	static struct text line, name;
	int call = calls;
	long result = next_result(0);
	uint64_t i;

	line.used = 0;
	put(&line, "{\"call\":\"kexec_load\",");
	put_hex_field(&line, "entry", entry);
	put(&line, ",");
	put_hex_field(&line, "flags", flags);
	put(&line, ",\"segments\":[");
	for (i = 0; i < count; i++) {
		int fd;

		name.used = 0;
		put(&name, "call");
		put_number(&name, (uint64_t)call, 10);
		put(&name, "-segment");
		put_number(&name, i, 10);
		put(&name, ".bin");
		fd = open_out(name.bytes, O_TRUNC_);
		if (segments[i].bufsz)
			write_all(fd, segments[i].buf, segments[i].bufsz);
		raw(NR_close, fd, 0, 0, 0, 0, 0);

		put(&line, i ? ",{" : "{");
		put_hex_field(&line, "bufsz", segments[i].bufsz);
		put(&line, ",");
		put_hex_field(&line, "mem", segments[i].mem);
		put(&line, ",");
		put_hex_field(&line, "memsz", segments[i].memsz);
		put(&line, ",\"file\":\"");
		put(&line, name.bytes);
		put(&line, "\"}");
	}
	put(&line, "]");
	put_result(&line, result);
	write_line(&line);
	if (result == 0)
		set_loaded((flags & 1) ? "/sys/kernel/kexec_crash_loaded" : "/sys/kernel/kexec_loaded", count != 0);
	return finish(result);
}

/* A whole file, read at positions, so that the descriptor's own position stays. */
static void copy_descriptor(int from, const char *name)
{
	static char buffer[65536];
	int to = open_out(name, O_TRUNC_);
	long offset = 0;
	long n;

	while ((n = raw(NR_pread64, from, (long)buffer, sizeof(buffer), offset, 0, 0)) > 0) {
		write_all(to, buffer, (size_t)n);
		offset += n;
	}
	raw(NR_close, to, 0, 0, 0, 0, 0);
}

static void put_descriptor(struct text *t, const char *field, int call, const char *kind, int fd)
{
	static struct text name;

	put(t, ",\"");
	put(t, field);
	put(t, "\":");
	if (fd < 0) {
		put(t, "null");
		return;
	}
	name.used = 0;
	put(&name, "call");
	put_number(&name, (uint64_t)call, 10);
	put(&name, "-");
	put(&name, kind);
	put(&name, ".bin");
	copy_descriptor(fd, name.bytes);
	put(t, "\"");
	put(t, name.bytes);
	put(t, "\"");
}

static long record_file_load(int kernel, int initrd, uint64_t cmdline_len, const char *cmdline, uint64_t flags)
{
	static struct text line;
	int call = calls;
	long result = next_result(-ENOSYS_);

	line.used = 0;
	put(&line, "{\"call\":\"kexec_file_load\",");
	put_hex_field(&line, "flags", flags);
	put(&line, ",\"cmdline\":");
	if (cmdline)
		put_string(&line, cmdline);
	else
		put(&line, "null");
	put(&line, ",\"cmdlineLen\":");
	put_number(&line, cmdline_len, 10);
	put_descriptor(&line, "kernelFile", call, "kernel", kernel);
	put_descriptor(&line, "initrdFile", call, "initrd", initrd);
	put_result(&line, result);
	write_line(&line);
	if (result == 0)
		set_loaded((flags & 2) ? "/sys/kernel/kexec_crash_loaded" : "/sys/kernel/kexec_loaded", !(flags & 1));
	return finish(result);
}

static long fixed_random(unsigned char *bytes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		bytes[i] = (unsigned char)(0x10 + i % 8);
	return (long)count;
}

long syscall(long nr, ...)
{
	long a, b, c, d, e, f;
	va_list list;

	va_start(list, nr);
	a = va_arg(list, long);
	b = va_arg(list, long);
	c = va_arg(list, long);
	d = va_arg(list, long);
	e = va_arg(list, long);
	f = va_arg(list, long);
	va_end(list);
	switch (nr) {
	case NR_kexec_load:
		return record_load((uint64_t)a, (uint64_t)b, (const struct kexec_segment *)c, (uint64_t)d);
	case NR_kexec_file_load:
		return record_file_load((int)a, (int)b, (uint64_t)c, (const char *)d, (uint64_t)e);
	case NR_getrandom:
		return fixed_random((unsigned char *)a, (size_t)b);
	default:
		return finish(raw(nr, a, b, c, d, e, f));
	}
}

long getrandom(void *bytes, size_t count, unsigned flags)
{
	(void)flags;
	return fixed_random(bytes, count);
}

static int synced;

/* The host's disks are none of our business. */
void sync(void)
{
	synced = 1;
}

/* A sync is written down with the step of a reboot that follows it: a load, which syncs too, has none. */
static void write_sync(void)
{
	static struct text line;

	if (!synced)
		return;
	synced = 0;
	line.used = 0;
	put(&line, "{\"call\":\"sync\"");
	put_result(&line, next_result(0));
	write_line(&line);
}

/* A reboot that succeeds does not come back, and leaves nothing loaded. */
int reboot(int cmd)
{
	static struct text line;
	long result;

	write_sync();
	result = next_result(0);
	line.used = 0;
	put(&line, "{\"call\":\"reboot\",");
	put_hex_field(&line, "cmd", (uint32_t)cmd);
	put_result(&line, result);
	write_line(&line);
	if (result == 0) {
		set_loaded("/sys/kernel/kexec_loaded", 0);
		set_loaded("/sys/kernel/kexec_crash_loaded", 0);
		exit(0);
	}
	return (int)finish(result);
}

void *malloc(size_t size)
{
	return calloc(1, size);
}


/* shutdown(8) is not run: the machine would go down, and the caller with it. */
int execv(const char *path, char *const argv[])
{
	static struct text line;
	long result = next_result(-ENOENT_);
	int i;

	line.used = 0;
	put(&line, "{\"call\":\"execve\",\"path\":");
	put_string(&line, path);
	put(&line, ",\"argv\":[");
	for (i = 0; argv[i]; i++) {
		put(&line, i ? "," : "");
		put_string(&line, argv[i]);
	}
	put(&line, "]");
	put_result(&line, result);
	write_line(&line);
	if (result == 0)
		exit(0);
	return (int)finish(result);
}

#define CLASS_NET "/sys/class/net/"

/* The number in an interface's file; -1 without one. Real ones are decimal, or hexadecimal behind 0x. */
static long interface_number(const char *name, const char *file)
{
	static struct text path;
	char buffer[32];
	const char *p = buffer;
	long value = 0;
	int base = 10;
	long fd, n;

	path.used = 0;
	put(&path, CLASS_NET);
	put(&path, name);
	put(&path, file);
	fd = raw(NR_openat, AT_FDCWD_, (long)path.bytes, O_RDONLY_, 0, 0, 0);
	if (fd < 0)
		return -1;
	n = raw(NR_pread64, fd, (long)buffer, sizeof(buffer) - 1, 0, 0, 0);
	raw(NR_close, fd, 0, 0, 0, 0, 0);
	buffer[n > 0 ? n : 0] = 0;
	if (p[0] == '0' && p[1] == 'x') {
		base = 16;
		p += 2;
	}
	if (*p == 0 || *p == '\n')
		return -1;
	for (; *p && *p != '\n'; p++) {
		int digit = *p >= 'a' ? *p - 'a' + 10 : *p - '0';

		if (digit < 0 || digit >= base)
			return -1;
		value = value * base + digit;
	}
	return value;
}

struct if_nameindex {
	unsigned index;
	char *name;
};

/* The directories below CLASS_NET, in the order of their numbers. */
struct if_nameindex *if_nameindex(void)
{
	static char buffer[4096] __attribute__((aligned(8)));
	static struct if_nameindex found[65];
	int count = 0;
	long fd = raw(NR_openat, AT_FDCWD_, (long)CLASS_NET, O_RDONLY_, 0, 0, 0);
	long n;

	while (fd >= 0 && (n = raw(NR_getdents64, fd, (long)buffer, sizeof(buffer), 0, 0, 0)) > 0) {
		long at;

		for (at = 0; at < n; at += *(uint16_t *)(buffer + at + 16)) {
			const char *name = buffer + at + 19;
			int is_directory = buffer[at + 18] == 4;
			struct if_nameindex entry;
			long number;
			size_t i;
			int place;

			if (!is_directory || name[0] == '.' || count == 64)
				continue;
			number = interface_number(name, "/ifindex");
			entry.index = number < 0 ? 0 : (unsigned)number;
			entry.name = calloc(1, length(name) + 1);
			for (i = 0; name[i]; i++)
				entry.name[i] = name[i];
			for (place = count++; place > 0 && found[place - 1].index > entry.index; place--)
				found[place] = found[place - 1];
			found[place] = entry;
		}
	}
	if (fd >= 0)
		raw(NR_close, fd, 0, 0, 0, 0, 0);
	found[count].index = 0;
	found[count].name = NULL;
	return found;
}

struct ifreq_flags {
	char name[IFNAMSIZ_];
	int16_t flags;
};

int ioctl(int fd, unsigned long request, ...)
{
	static struct text line;
	struct ifreq_flags *ifr;
	long flags, result;
	va_list list;

	va_start(list, request);
	ifr = va_arg(list, struct ifreq_flags *);
	va_end(list);
	switch (request) {
	case SIOCGIFFLAGS_:
		flags = interface_number(ifr->name, "/flags");
		if (flags < 0)
			return (int)finish(-ENODEV_);
		ifr->flags = (int16_t)flags;
		return 0;
	case SIOCSIFFLAGS_:
		write_sync();
		result = next_result(0);
		line.used = 0;
		put(&line, "{\"call\":\"ioctl\",\"request\":\"SIOCSIFFLAGS\",\"interface\":");
		put_string(&line, ifr->name);
		put(&line, ",");
		put_hex_field(&line, "flags", (uint16_t)ifr->flags);
		put_result(&line, result);
		write_line(&line);
		return (int)finish(result);
	default:
		return (int)finish(raw(NR_ioctl, fd, (long)request, (long)ifr, 0, 0, 0));
	}
}

static int is_cpu(const char *name)
{
	if (name[0] != 'c' || name[1] != 'p' || name[2] != 'u' || !name[3])
		return 0;
	for (name += 3; *name; name++) {
		if (*name < '0' || *name > '9')
			return 0;
	}
	return 1;
}

/* The cpuN directories. */
static long count_directories(void)
{
	static char buffer[4096] __attribute__((aligned(8)));
	long count = 0;
	long fd = raw(NR_openat, AT_FDCWD_, (long)"/sys/devices/system/cpu", O_RDONLY_, 0, 0, 0);
	long n;

	if (fd < 0)
		return 0;
	while ((n = raw(NR_getdents64, fd, (long)buffer, sizeof(buffer), 0, 0, 0)) > 0) {
		long at = 0;

		while (at < n) {
			uint16_t size = *(uint16_t *)(buffer + at + 16);

			count += is_cpu(buffer + at + 19);
			at += size;
		}
	}
	raw(NR_close, fd, 0, 0, 0, 0, 0);
	return count;
}

/* A list like "0-3,5". */
static long count_list(const char *path)
{
	char buffer[512];
	const char *p = buffer;
	long count = 0;
	long fd = raw(NR_openat, AT_FDCWD_, (long)path, O_RDONLY_, 0, 0, 0);
	long n;

	if (fd < 0)
		return 0;
	n = raw(NR_pread64, fd, (long)buffer, sizeof(buffer) - 1, 0, 0, 0);
	raw(NR_close, fd, 0, 0, 0, 0, 0);
	buffer[n > 0 ? n : 0] = 0;
	while (*p >= '0' && *p <= '9') {
		long first = 0, last = 0;

		while (*p >= '0' && *p <= '9')
			first = first * 10 + (*p++ - '0');
		last = first;
		if (*p == '-') {
			for (last = 0, p++; *p >= '0' && *p <= '9'; p++)
				last = last * 10 + (*p - '0');
		}
		count += last - first + 1;
		if (*p == ',')
			p++;
	}
	return count;
}

static long count_cpus(void)
{
	long count = count_list("/sys/devices/system/cpu/possible");

	if (!count)
		count = count_directories();
	if (!count)
		count = count_list("/sys/devices/system/cpu/online");
	return count ? count : 1;
}

long sysconf(int name)
{
	return name == SC_NPROCESSORS_CONF_ ? count_cpus() : __sysconf(name);
}

int getpagesize(void)
{
	const char *p = variable("SHIM_PAGE_SIZE");
	int value = 0;

	if (!p)
		return 4096;
	while (*p >= '0' && *p <= '9')
		value = value * 10 + (*p++ - '0');
	return value;
}
