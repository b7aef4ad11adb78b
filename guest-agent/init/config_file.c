/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include "codec/toml.h"
#include "init/settings.h"

/* Values as the command line would have them. NULL: of no such kind. */
static const char *as_text(const struct toml_value *v, char buf[32])
{
	switch (v->type) {
	case TOML_STRING:
		return v->str.s;
	case TOML_BOOLEAN:
		return v->b ? "true" : "false";
	case TOML_INTEGER:
		snprintf(buf, 32, "%" PRId64, v->i);
		return buf;
	default:
		return NULL;
	}
}

static int read_all(struct agent_config *c, struct toml_doc *doc, struct error *err)
{
	struct toml_value *v;

	toml_for_each(v, toml_root(doc))
	{
		char buf[32];
		const char *text = as_text(v, buf);
		const char *fault;

		if (!text)
			return toml_fail(v, err, "expected a string, an integer or a boolean");
		/* An empty text says nothing, as in upstream's own example files. */
		fault = *text ? setting_from_key(c, v->key, text) : NULL;
		if (fault == SETTING_OOM)
			return error_oom(err);
		if (fault == SETTING_UNKNOWN)
			return toml_fail(v, err, "this agent has no such setting");
		if (fault)
			return toml_fail(v, err, "%s \"%.200s\"", fault, text);
	}
	return 0;
}

int agent_config_read_file(struct agent_config *c, const char *path, struct error *err)
{
	_cleanup_toml_ struct toml_doc *doc = NULL;
	int r = toml_load(AT_FDCWD, path, &doc, err);

	return r < 0 ? r : read_all(c, doc, err);
}

int agent_config_parse_file(struct agent_config *c, const char *text, size_t len, const char *name,
			    struct error *err)
{
	_cleanup_toml_ struct toml_doc *doc = NULL;
	int r = toml_parse(text, len, name, &doc, err);

	return r < 0 ? r : read_all(c, doc, err);
}
