/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include <string.h>
#include "base/parse.h"

static const struct option_def *find(const struct option_def *defs, size_t n, const char *name,
				     size_t len)
{
	for (size_t i = 0; i < n; i++) {
		const char *names[] = { defs[i].name, defs[i].alias };

		for (int k = 0; k < 2; k++) {
			if (names[k] && strlen(names[k]) == len && memcmp(names[k], name, len) == 0)
				return &defs[i];
		}
	}
	return NULL;
}

static int set_list(const struct option_def *d, const char *value, struct error *err)
{
	const char **list = d->dest;
	size_t n = 0;

	while (list[n])
		n++;
	if (n == OPTION_LIST_MAX)
		return error_set(err, -E2BIG, "option --%s given more than %d times", d->name,
				 OPTION_LIST_MAX);
	list[n] = value;
	list[n + 1] = NULL;
	return 0;
}

static int set_value(const struct option_def *d, const char *value, struct error *err)
{
	switch (d->kind) {
	case OPTION_FLAG:
		if (!value) {
			*(bool *)d->dest = true;
			return 0;
		}
		if (parse_bool(value, d->dest) < 0)
			return error_set(err, -EINVAL, "invalid boolean value \"%s\" for -%s",
					 value, d->name);
		return 0;
	case OPTION_STRING:
		*(const char **)d->dest = value;
		return 0;
	case OPTION_LIST:
		return set_list(d, value, err);
	}
	return -EINVAL;
}

int options_parse(const struct option_def *defs, size_t n, int argc, char **argv, int *ret_next,
		  struct error *err)
{
	int i = 1;

	for (; i < argc; i++) {
		const struct option_def *d;
		const char *name = argv[i], *eq, *value = NULL;
		int r;

		if (name[0] != '-' || !name[1])
			break;
		name += name[1] == '-' ? 2 : 1;
		if (!*name) { /* "--" */
			i++;
			break;
		}
		eq = strchrnul(name, '=');
		d = find(defs, n, name, (size_t)(eq - name));
		if (!d)
			return error_set(err, -EINVAL, "flag provided but not defined: -%.*s",
					 (int)MIN((eq - name), 64), name);
		if (*eq)
			value = eq + 1;
		else if (d->kind != OPTION_FLAG && i + 1 < argc)
			value = argv[++i];
		if (!value && d->kind != OPTION_FLAG)
			return error_set(err, -EINVAL, "flag needs an argument: -%s", name);
		r = set_value(d, value, err);
		if (r < 0)
			return r;
	}
	*ret_next = i;
	return 0;
}

int options_help(const struct option_def *defs, size_t n, struct strbuf *out)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_strbuf_ struct strbuf left = STRBUF_INIT;
		int r;

		if (!defs[i].help)
			continue;
		r = strbuf_addf(&left, "--%s", defs[i].name);
		if (r == 0 && defs[i].alias)
			r = strbuf_addf(&left, ", %s%s", defs[i].alias[1] ? "--" : "-",
					defs[i].alias);
		if (r == 0 && defs[i].value)
			r = strbuf_addf(&left, " %s", defs[i].value);
		if (r == 0)
			r = strbuf_addf(out, "   %-44s %s\n", left.buf, defs[i].help);
		if (r < 0)
			return r;
	}
	return 0;
}
