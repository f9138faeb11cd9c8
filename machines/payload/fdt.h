/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FDT_H
#define FDT_H

#include <stdint.h>

/* A flattened device tree (Devicetree Specification 0.4, chapter 5) whose header has been checked. */
struct fdt {
	const uint8_t *structure;
	const uint8_t *structure_end;
	const char *strings;
	uint32_t strings_size;
};

struct property {
	const uint8_t *value;
	uint32_t size;
};

/* The first `length` characters of a path: what stands before the ':' of stdout-path, or the path of a parent. */
struct path {
	const char *text;
	uint32_t length;
};

/* A text that says what is wrong with the tree, or 0. */
const char *fdt_open(struct fdt *fdt, const void *blob);

/* Whether the node at an absolute path has the property. A component without '@' matches any unit address. */
int fdt_property(const struct fdt *fdt, struct path path, const char *name, struct property *property);

/* Whether the property is a string, terminated within its size. */
int is_string(const struct property *property);

/* Whether a list of strings has this one in it. */
int has_string(const struct property *property, const char *text);

/* The big-endian number in the first `cells` 32-bit cells; 0 where there are fewer. */
uint64_t read_cells(const struct property *property, uint32_t cells);

uint32_t text_length(const char *text);
struct path whole_path(const char *text);

#endif
