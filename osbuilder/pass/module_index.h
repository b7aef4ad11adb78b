/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASS_MODULE_INDEX_H
#define PASS_MODULE_INDEX_H

#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"

/*
 * For osbuilder/pass/ only: kmod's index files (modules.dep.bin and others), which modprobe reads and nothing else (libkmod/libkmod-index.h
 * of kmod). A radix tree; all numbers are big-endian:
 *
 *	u32 magic 0xb007f457, u32 version 0x00020001, u32 root
 *
 * A reference to a node is its file offset in 28 bits with flags above: 0x80000000 it has a prefix, 0x40000000 values, 0x20000000
 * children. The parts of a node stand in this order, each where its flag is set:
 *
 *	char prefix[], ended by NUL
 *	u8 first, u8 last; u32 children[last - first + 1], 0 where there is none
 *	u32 n; n times { u32 priority; char value[], ended by NUL }, the lowest priority first
 */

struct module_index_entry {
	char *key, *value; /* owned; keys are 7-bit characters */
	uint32_t priority;
};
struct module_index {
	struct module_index_entry *v;
	size_t n, cap;
};
void module_index_release(struct module_index *ix);
/* Copies both. 0 or -ENOMEM; a key with other bytes than 1..127 is left out, as no alias can match it. */
int module_index_add(struct module_index *ix, const char *key, const char *value,
		     uint32_t priority);
/* Sorts, and writes the file. -EFBIG: over 256 MiB. */
int module_index_write(struct module_index *ix, struct strbuf *out, struct error *err);

#endif
