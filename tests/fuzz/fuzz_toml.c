/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "codec/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count_unused(const struct toml_value *v, void *arg)
{
	char path[TOML_KEY_PATH_MAX];

	*(size_t *)arg += strlen(toml_key_path(v, path));
	return 0;
}

/* Every value must have a path and a position, and using all must leave nothing unused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_toml_ struct toml_doc *doc = NULL;
	struct error err = ERROR_INIT;
	const char *s = NULL;
	size_t text = 0, left = 0;
	int r = toml_parse((const char *)data, size, "fuzz.toml", &doc, &err);

	if (r < 0) {
		if (err.code != r || strncmp(err.msg, "fuzz.toml:", 10) != 0)
			abort();
		return 0;
	}
	toml_get_string(toml_root(doc), "a.b", &s, &err);
	toml_for_each_unused(doc, count_unused, &text);
	toml_use_all(toml_root(doc));
	toml_for_each_unused(doc, count_unused, &left);
	if (left != 0)
		abort();
	return 0;
}
