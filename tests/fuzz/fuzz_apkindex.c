/* SPDX-License-Identifier: Apache-2.0 */
/* APKINDEX, and choosing packages from it: whatever is chosen must fit together. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/apk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct apk_index x = { 0 };
	struct error err = ERROR_INIT;
	struct strv wanted = STRV_INIT;
	size_t *chosen = NULL, n = 0;

	if (apk_index_add(&x, (const char *)data, len, "x86_64", 0, &err) == 0) {
		for (size_t i = 0; i < x.n; i++) {
			if (strchr(x.v[i].name, '/') || x.v[i].name[0] == '.')
				abort();
			if (apk_version_cmp(x.v[i].version, x.v[0].version, false) !=
			    -apk_version_cmp(x.v[0].version, x.v[i].version, false))
				abort();
		}
		if (x.n && strv_add(&wanted, x.v[0].name) == 0 &&
		    apk_solve(&x, &wanted, &chosen, &n, &err) == 0) {
			for (size_t i = 1; i < n; i++)
				if (strcmp(x.v[chosen[i - 1]].name, x.v[chosen[i]].name) >= 0)
					abort(); /* one version of a name */
			free(chosen);
		}
	}
	strv_release(&wanted);
	apk_index_release(&x);
	return 0;
}
