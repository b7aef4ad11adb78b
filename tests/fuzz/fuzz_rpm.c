/* SPDX-License-Identifier: Apache-2.0 */
/* RPM package files: headers, payload, names of owners and capabilities. No path may leave the root. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "source/owner.h"
#include "source/rpm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_path(const char *path)
{
	if (*path == '/' || !strncmp(path, "../", 3) || strstr(path, "/../"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct lock_package package = { 0 };
	const struct lock_package *const packages[] = { &package };
	struct layer_spool spool = LAYER_SPOOL_INIT;
	struct source_package_info info = { 0 };
	struct error err = ERROR_INIT;
	struct layer l = { 0 };
	struct layer *const layers[] = { &l };
	struct tree *t = tree_new();

	if (t && layer_spool_open(&spool, &err) == 0 &&
	    rpm_read(&l, &spool, data, len, NULL, &info, &err) == 0) {
		package.name = info.name;
		for (size_t i = 0; i < l.n; i++)
			check_path(l.v[i].e.path);
		if (owner_resolve(layers, packages, 1, t, true, &err) == 0 &&
		    tree_keep_fd(t, fd_steal(&spool.fd)) == 0)
			layer_apply(&l, t, 1, &err);
	}
	layer_release(&l);
	layer_spool_release(&spool);
	tree_free(t);
	return 0;
}
