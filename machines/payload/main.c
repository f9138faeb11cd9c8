// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demo kernel: says how it was started and what the device tree tells it, and switches the machine off.
 * It shows that what kexec loaded arrived, and that the boot protocol was kept.
 */

#include "fdt.h"

#define DEFAULT_UART 0x09000000ul
/* PL011 (DDI 0183): data register at 0, flag register at 0x18 with "transmit FIFO full" in bit 5. */
#define UART_FLAGS 0x18
#define UART_TX_FULL (1 << 5)

#define PSCI_SYSTEM_OFF 0x84000008u

/* In head.S. */
uint64_t psci_call(uint32_t function, int by_smc);
void halt(void);
extern const uint8_t image_start[];

void main(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3);
void exception(uint64_t syndrome, uint64_t address, uint64_t fault_address);

static uint64_t uart = DEFAULT_UART;
static int by_smc;
static int in_exception;

static void put(char c)
{
	while (*(volatile uint32_t *)(uart + UART_FLAGS) & UART_TX_FULL)
		;
	*(volatile uint32_t *)uart = (uint8_t)c;
}

static void print(const char *text)
{
	for (; *text; text++) {
		if (*text == '\n')
			put('\r');
		put(*text);
	}
}

static void print_hex(uint64_t value)
{
	int shift = 60;

	while (shift > 0 && value >> shift == 0)
		shift -= 4;
	print("0x");
	for (; shift >= 0; shift -= 4)
		put("0123456789abcdef"[value >> shift & 15]);
}

static void print_line(const char *label, uint64_t value)
{
	print(label);
	print_hex(value);
	print("\n");
}

#define READ_SYSREG(name) ({ uint64_t value_; __asm__ volatile("mrs %0, " name : "=r"(value_)); value_; })

static int exception_level(void)
{
	return READ_SYSREG("CurrentEL") >> 2 & 3;
}

static void power_off(void)
{
	print("powering off\n");
	psci_call(PSCI_SYSTEM_OFF, by_smc);
	print("error: PSCI SYSTEM_OFF came back\n");
	halt();
}

void exception(uint64_t syndrome, uint64_t address, uint64_t fault_address)
{
	/* A second one was caused by what follows here. */
	if (in_exception++)
		halt();
	print("error: unexpected exception\n");
	print_line("  ESR: ", syndrome);
	print_line("  ELR: ", address);
	print_line("  FAR: ", fault_address);
	power_off();
}

/* The node that stdout-path means: a path or an alias, then perhaps a colon and options. */
static int stdout_node(const struct fdt *fdt, struct path *node)
{
	struct property property;
	char alias[32];

	if (!fdt_property(fdt, whole_path("/chosen"), "stdout-path", &property) || !is_string(&property))
		return 0;
	node->text = (const char *)property.value;
	for (node->length = 0; node->text[node->length] && node->text[node->length] != ':'; node->length++)
		;
	if (node->length > 0 && node->text[0] == '/')
		return 1;

	if (node->length >= sizeof(alias))
		return 0;
	for (uint32_t i = 0; i < node->length; i++)
		alias[i] = node->text[i];
	alias[node->length] = '\0';
	if (!fdt_property(fdt, whole_path("/aliases"), alias, &property) || !is_string(&property))
		return 0;
	*node = whole_path((const char *)property.value);
	return 1;
}

/* Address of the PL011 that stdout-path names, or the default. Bus addresses are taken for physical ones. */
static uint64_t find_uart(const struct fdt *fdt)
{
	struct path node, parent;
	struct property property;
	uint32_t address_cells = 2;
	uint64_t address;

	if (!stdout_node(fdt, &node) || !fdt_property(fdt, node, "compatible", &property) ||
	    !has_string(&property, "arm,pl011"))
		return DEFAULT_UART;

	parent = node;
	while (parent.length > 0 && parent.text[--parent.length] != '/')
		;
	if (fdt_property(fdt, parent, "#address-cells", &property))
		address_cells = read_cells(&property, 1);
	if (!fdt_property(fdt, node, "reg", &property))
		return DEFAULT_UART;
	address = read_cells(&property, address_cells);
	return address ? address : DEFAULT_UART;
}

static void print_string(const struct fdt *fdt, const char *label, const char *path, const char *name)
{
	struct property property;

	print(label);
	if (!fdt_property(fdt, whole_path(path), name, &property))
		print("(none)");
	else if (!is_string(&property))
		print("(not a string)");
	else
		print((const char *)property.value);
	print("\n");
}

/* booting.rst, "Call the kernel image". */
static void check_boot_protocol(uint64_t x1, uint64_t x2, uint64_t x3)
{
	uint64_t sctlr = exception_level() == 2 ? READ_SYSREG("sctlr_el2") : READ_SYSREG("sctlr_el1");

	if (x1 | x2 | x3)
		print("error: x1, x2 and x3 are not all zero\n");
	if ((READ_SYSREG("daif") >> 6 & 15) != 15)
		print("error: not all interrupts are masked\n");
	if (sctlr & 1)
		print("error: the MMU is on\n");
	if ((uintptr_t)image_start % (2 << 20))
		print("error: the image is not at a 2 MiB boundary\n");
}

void main(uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
	struct fdt fdt;
	struct property method;
	const char *fault;

	/* Where there is an EL2 of our own, the PSCI firmware is above it. */
	by_smc = exception_level() == 2;
	fault = fdt_open(&fdt, (const void *)x0);
	if (!fault) {
		uart = find_uart(&fdt);
		if (fdt_property(&fdt, whole_path("/psci"), "method", &method))
			by_smc = has_string(&method, "smc");
	}

	print("kexec-ts demo kernel\n");
	print_line("image at: ", (uintptr_t)image_start);
	print("exception level: EL");
	put('0' + exception_level());
	print("\n");
	print_line("x0: ", x0);
	check_boot_protocol(x1, x2, x3);
	if (fault) {
		print("error: no device tree at x0: ");
		print(fault);
		print("\n");
	} else {
		print_string(&fdt, "model: ", "/", "model");
		print_string(&fdt, "bootargs: ", "/chosen", "bootargs");
		print_string(&fdt, "psci method: ", "/psci", "method");
	}
	power_off();
}
