/* SPDX-License-Identifier: Apache-2.0 */
/* Package and tar readers: the first byte chooses, the rest is the archive. Names must never leave the tree. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "compat/la.h"
#include "source/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static int check_node(struct tree_node *n, void *data)
{
	if (n->parent && (!n->name_len || strchr(n->name, '/') || !strcmp(n->name, "..") ||
			  !strcmp(n->name, ".") || n->name_len > TREE_NAME_MAX))
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const struct la_limits limits = { 1u << 20, 1000 };
	static const struct source_unpack u = { .target = "" };
	struct source_package_info info = { 0 };
	struct error err = ERROR_INIT;
	struct la_archive *a = NULL;
	struct tree *t;

	if (!len)
		return 0;
	t = tree_new();
	if (!t)
		return 0;
	if (data[0] == 'd') {
		source_unpack_deb(t, data + 1, len - 1, "amd64", &info, &err);
	} else if (la_open_memory(data + 1, len - 1, LA_TAR, &limits, &a, &err) == 0) {
		unpack_archive(t, a, &u, &err);
		la_close(a);
	}
	tree_walk(tree_root(t), check_node, NULL);
	tree_free(t);
	return 0;
}
