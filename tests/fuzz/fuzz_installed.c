/* SPDX-License-Identifier: Apache-2.0 */
/* Package databases of images: the first byte chooses which, the rest is the file. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/installed.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A name is a part of one line of the file, and never empty where the form says so. */
static void check_package(const struct source_package *p, size_t len)
{
	if (!p->name || !p->version || !p->arch || p->sha256[0])
		abort();
	if (strlen(p->name) + strlen(p->version) + strlen(p->arch) > len)
		abort();
	if (strchr(p->name, '\n') || strchr(p->version, '\n') || strchr(p->arch, '\n'))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const paths[] = { "var/lib/dpkg/status", "lib/apk/db/installed",
					     "var/lib/osbuilder/osbuilder.yaml" };
	struct source_packages found = { 0 };
	struct error err = ERROR_INIT;
	struct tree *t;

	if (!len)
		return 0;
	t = tree_new();
	if (t &&
	    tree_add_file(t, paths[data[0] % 3], 0644, (const char *)data + 1, len - 1, &err) ==
		    0 &&
	    installed_packages(t, &found) == 0) {
		if (found.n > SOURCE_PACKAGES_MAX || found.n > len)
			abort();
		for (size_t i = 0; i < found.n; i++)
			check_package(&found.v[i], len);
	}
	source_packages_release(&found);
	tree_free(t);
	return 0;
}
