/*
 * Makes one kexec_file_load(2), and prints what came of it. Runs inside the machine that is recorded.
 *
 *   file-load kernel=image:SIZE:IMAGE_SIZE:TEXT_OFFSET:FLAGS initrd=bytes:SIZE cmdline=TEXT flags=0x8
 *
 *   file-load execute=yes
 *
 * What arguments mean is in cases.ts. The lines that are printed begin with "@@".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *argument(int argc, char **argv, const char *name)
{
	size_t length = strlen(name);

	for (int i = 1; i < argc; i++)
		if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
			return argv[i] + length + 1;
	return NULL;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/*
 * A file of `size` bytes, whose first ones are `header`. The same bytes are made by contentOf() in cases.ts. The machine may
 * have little memory: there is no copy of it.
 */
static int memory_file(const unsigned char *header, size_t header_size, size_t size)
{
	static unsigned char chunk[1 << 16];
	int fd = memfd_create("file", 0);

	if (fd < 0)
		die("memfd_create");
	for (size_t at = 0; at < size;) {
		size_t length = size - at < sizeof chunk ? size - at : sizeof chunk;

		for (size_t i = 0; i < length; i++)
			chunk[i] = (at + i) * 31 + ((at + i) >> 8) * 7;
		if (at == 0)
			memcpy(chunk, header, header_size);
		if (write(fd, chunk, length) != (ssize_t)length)
			die("write");
		at += length;
	}
	return fd;
}

static int open_file(const char *what)
{
	unsigned long size, fields[3];
	unsigned char header[64];

	if (what == NULL || strcmp(what, "none") == 0)
		return -1;
	if (what[0] == '/')
		return open(what, O_RDONLY);
	if (sscanf(what, "image:%li:%li:%li:%li", &size, &fields[1], &fields[0], &fields[2]) == 4) {
		memset(header, 0, sizeof header);
		memcpy(header + 8, fields, sizeof fields);
		memcpy(header + 56, "ARM\x64", 4);
		return memory_file(header, sizeof header, size);
	}
	if (sscanf(what, "bytes:%li", &size) == 1)
		return memory_file(header, 0, size);
	fprintf(stderr, "bad file: %s\n", what);
	exit(1);
}

/* The text ends where memory ends, and cannot be read beyond. */
static const char *at_the_end(const char *text, size_t size)
{
	size_t mapped = (size + 4095) & ~4095UL;
	char *memory = mmap(NULL, mapped + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || mprotect(memory + mapped, 4096, PROT_NONE) != 0)
		die("mmap");
	return memcpy(memory + mapped - size, text, size);
}

static void print_file(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (fd >= 0 && read(fd, text, sizeof text - 1) < 0)
		text[0] = 0;
	printf(" %d", atoi(text));
	close(fd);
}

int main(int argc, char **argv)
{
	static char log[1 << 20];
	const char *flags = argument(argc, argv, "flags"), *text = argument(argc, argv, "cmdline");
	const char *length = argument(argc, argv, "cmdlinelen"), *who = argument(argc, argv, "who");
	int kernel = open_file(argument(argc, argv, "kernel")), initrd = open_file(argument(argc, argv, "initrd"));
	unsigned long size = 0;
	long result;

	if (argument(argc, argv, "execute") != NULL) {
		syscall(SYS_reboot, 0xfee1dead, 0x28121969, 0x45584543, NULL);
		die("reboot");
	}
	if (text != NULL) {
		char *copy = strdup(text);
		unsigned long repeat;

		if (sscanf(text, "@%lu", &repeat) == 1) {
			copy = calloc(repeat + 1, 1);
			memset(copy, 'x', repeat);
		}
		size = strlen(copy) + 1;
		text = at_the_end(copy, size);
	}
	if (length != NULL)
		size = strtoul(length, NULL, 0);
	klogctl(5, NULL, 0); /* SYSLOG_ACTION_CLEAR */
	if (who != NULL && strcmp(who, "nobody") == 0) {
		pid_t child = fork();

		if (child == 0) {
			if (setresuid(65534, 65534, 65534) != 0)
				die("setresuid");
			result = syscall(SYS_kexec_file_load, kernel, initrd, size, text, strtoul(flags, NULL, 0));
			_exit(result == 0 ? 0 : errno);
		}
		int status;

		waitpid(child, &status, 0);
		result = -WEXITSTATUS(status);
	} else {
		result = syscall(SYS_kexec_file_load, kernel, initrd, size, text, strtoul(flags, NULL, 0));
		if (result != 0)
			result = -errno;
	}
	printf("@@result %ld", result);
	print_file("/sys/kernel/kexec_loaded");
	print_file("/sys/kernel/kexec_crash_loaded");
	printf("\n");
	int bytes = klogctl(3, log, sizeof log - 1); /* SYSLOG_ACTION_READ_ALL */

	log[bytes < 0 ? 0 : bytes] = 0;
	for (char *line = strtok(log, "\n"); line != NULL; line = strtok(NULL, "\n"))
		printf("@@log %s\n", line);
	printf("@@end\n");
	return 0;
}
