// SPDX-License-Identifier: GPL-2.0-only
#include "fdt.h"

#define FDT_MAGIC 0xd00dfeed
#define FDT_HEADER_BYTES 40
/* booting.rst: the tree "must not exceed 2 megabytes in size". */
#define FDT_MAX_BYTES (2u << 20)

enum token { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

/* By bytes, because the MMU is off and then an unaligned load faults. */
static uint32_t read32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
}

uint32_t text_length(const char *text)
{
	uint32_t length = 0;

	while (text[length])
		length++;
	return length;
}

struct path whole_path(const char *text)
{
	return (struct path){ text, text_length(text) };
}

static int same_text(const char *a, const char *b, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		if (a[i] != b[i])
			return 0;
	return 1;
}

const char *fdt_open(struct fdt *fdt, const void *blob)
{
	const uint8_t *header = blob;
	uint32_t total, structure, structure_size, strings, strings_size;

	if (!blob)
		return "there is none";
	if ((uintptr_t)blob % 8)
		return "its address is not a multiple of 8";
	if (read32(header) != FDT_MAGIC)
		return "no FDT magic there";

	total = read32(header + 4);
	structure = read32(header + 8);
	strings = read32(header + 12);
	strings_size = read32(header + 32);
	structure_size = read32(header + 36);
	if (total < FDT_HEADER_BYTES || total > FDT_MAX_BYTES)
		return "its size is out of bounds";
	if (structure > total || structure_size > total - structure || structure % 4)
		return "its structure block is out of bounds";
	if (strings > total || strings_size > total - strings)
		return "its strings block is out of bounds";

	fdt->structure = header + structure;
	fdt->structure_end = fdt->structure + structure_size;
	fdt->strings = (const char *)header + strings;
	fdt->strings_size = strings_size;
	return 0;
}

/* Length of a string that ends before `end`, or -1. */
static int64_t bounded_length(const uint8_t *text, const uint8_t *end)
{
	for (const uint8_t *p = text; p < end; p++)
		if (!*p)
			return p - text;
	return -1;
}

/* How many characters of `rest` name this node, the slash included, or 0. */
static uint32_t match_component(struct path rest, const char *node)
{
	uint32_t length = 0;

	if (rest.length == 0 || rest.text[0] != '/')
		return 0;
	while (1 + length < rest.length && rest.text[1 + length] != '/')
		length++;
	if (length == 0 || length > text_length(node) || !same_text(rest.text + 1, node, length))
		return 0;
	return node[length] == '\0' || node[length] == '@' ? 1 + length : 0;
}

static int is_named(const struct fdt *fdt, uint32_t offset, const char *name)
{
	uint32_t size = text_length(name) + 1;

	return offset <= fdt->strings_size && size <= fdt->strings_size - offset &&
	       same_text(fdt->strings + offset, name, size);
}

static uint32_t padded(uint32_t size)
{
	return (size + 3) & ~3u;
}

int fdt_property(const struct fdt *fdt, struct path path, const char *name, struct property *property)
{
	const uint8_t *p = fdt->structure;
	const uint8_t *end = fdt->structure_end;
	/* Open nodes, and how many of them, from the root, lie on the path; `rest` is what is left of it. */
	uint32_t depth = 0, on_path = 0;
	struct path rest = path;

	if (rest.length == 1 && rest.text[0] == '/')
		rest.length = 0;

	while (end - p >= 4) {
		uint32_t token = read32(p);

		p += 4;
		if (token == BEGIN_NODE) {
			int64_t length = bounded_length(p, end);
			uint32_t matched;

			if (length < 0)
				return 0;
			if (depth == 0) {
				on_path = 1;
			} else if (on_path == depth && (matched = match_component(rest, (const char *)p))) {
				on_path++;
				rest.text += matched;
				rest.length -= matched;
			}
			depth++;
			if (padded(length + 1) > end - p)
				return 0;
			p += padded(length + 1);
		} else if (token == END_NODE) {
			/* A node on the path has ended: no sibling has the same name. */
			if (depth == 0 || depth == on_path)
				return 0;
			depth--;
		} else if (token == PROP) {
			uint32_t size, name_offset;

			if (end - p < 8)
				return 0;
			size = read32(p);
			name_offset = read32(p + 4);
			p += 8;
			if (size > end - p || padded(size) > end - p)
				return 0;
			if (depth > 0 && depth == on_path && rest.length == 0 && is_named(fdt, name_offset, name)) {
				*property = (struct property){ p, size };
				return 1;
			}
			p += padded(size);
		} else if (token != NOP) {
			return 0;
		}
	}
	return 0;
}

int is_string(const struct property *property)
{
	return bounded_length(property->value, property->value + property->size) >= 0;
}

int has_string(const struct property *property, const char *text)
{
	const uint8_t *p = property->value;
	const uint8_t *end = p + property->size;
	uint32_t wanted = text_length(text);
	int64_t length;

	while ((length = bounded_length(p, end)) >= 0) {
		if (length == wanted && same_text((const char *)p, text, wanted))
			return 1;
		p += length + 1;
	}
	return 0;
}

uint64_t read_cells(const struct property *property, uint32_t cells)
{
	uint64_t value = 0;

	if (cells > property->size / 4)
		return 0;
	for (uint32_t i = 0; i < cells; i++)
		value = value << 32 | read32(property->value + 4 * i);
	return value;
}
