/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASS_DEPMOD_H
#define PASS_DEPMOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strbuf.h"
#include "compat/elf_module.h"
#include "tree/tree.h"

/* For depmod.c and depmod_read.c: the modules of one kernel. */

#define DEPMOD_NONE SIZE_MAX

struct module {
	char *path; /* below the version's directory */
	char *name; /* as modprobe writes it: without the ending, '_' for '-' */
	const struct tree_node *node;
	struct elf_module elf;
	size_t order; /* line in modules.order */
	size_t *deps; /* direct ones: indexes of modules */
	size_t n_deps, cap_deps;
	size_t users; /* modules that need it and have no rank yet */
	size_t rank;  /* lower than that of every module it needs */
	size_t seen;  /* of the walk that was here: its number + 1 */
};

struct symbol {
	const char *name;
	size_t module;
};

struct depmod {
	struct tree *t;
	const char *version;
	struct module *v;
	size_t n, cap;
	struct symbol *symbols;
	size_t n_symbols;
};

/*
 * Fills `v`, in the order of modules.order and then of paths, with what the modules say about themselves and which others each needs
 * directly; `symbols` sorted by name. Ranks are set, modules that need each other are refused: -ELOOP. Of two modules with one name that below updates/ counts. Errors name the module's path.
 */
int depmod_read(struct depmod *d, const struct tree_node *dir, struct error *err);
void depmod_release(struct depmod *d);

/* "/lib/modules/VERSION/NAME", malloc'd. */
char *depmod_path(const struct depmod *d, const char *name);
/* A text file there: as pass_read_text(). */
int depmod_read_file(struct depmod *d, const char *name, struct strbuf *text, struct error *err);
/* "kernel/net/ip-x.ko.xz" to "ip_x", as modprobe writes names; malloc'd. */
char *depmod_module_name(const char *path);

#endif
