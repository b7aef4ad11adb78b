/* SPDX-License-Identifier: Apache-2.0 */
/* What a recipe says for one architecture: overrides of sources, and placeholders in paths. */
#include "recipe/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/strbuf.h"

/* Debian's multiarch tuples: https://wiki.debian.org/Multiarch/Tuples */
static const struct {
	const char *arch, *multiarch;
} tuples[] = {
	{ "x86_64", "x86_64-linux-gnu" },
	{ "aarch64", "aarch64-linux-gnu" },
	{ "ppc64le", "powerpc64le-linux-gnu" },
	{ "s390x", "s390x-linux-gnu" },
};

static const char *placeholder_value(const char *name, size_t len, const char *arch)
{
	static const char debian[] = "debian_arch", multi[] = "multiarch", plain[] = "arch";

	if (len == strlen(plain) && !memcmp(name, plain, len))
		return arch;
	if (len == strlen(debian) && !memcmp(name, debian, len))
		return source_debian_arch(arch);
	if (len == strlen(multi) && !memcmp(name, multi, len))
		for (size_t i = 0; i < ARRAY_SIZE(tuples); i++)
			if (str_eq(tuples[i].arch, arch))
				return tuples[i].multiarch;
	return NULL;
}

int recipe_expand(const char *text, const char *arch, char **ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	int r = 0;

	while (*text) {
		size_t len = strcspn(text, "{");
		const char *name = text + len + 1, *value;
		size_t name_len;

		r |= strbuf_add(&out, text, len);
		text += len;
		if (!*text)
			break;
		name_len = strspn(name, "abcdefghijklmnopqrstuvwxyz_");
		if (!name_len || name[name_len] != '}') {
			r |= strbuf_addstr(&out, "{");
			text++;
			continue;
		}
		value = placeholder_value(name, name_len, arch);
		if (!value)
			return error_set(err, -EINVAL,
					 "unknown placeholder '{%.*s}' (arch, debian_arch and "
					 "multiarch are known)",
					 (int)MIN(name_len, (size_t)64), name);
		r |= strbuf_addstr(&out, value);
		text = name + name_len + 1;
	}
	*ret = r ? NULL : strdup(out.buf ? out.buf : "");
	return *ret ? 0 : error_oom(err);
}

/* In place. */
static int expand(const struct recipe *rc, char **text, const char *arch, struct error *err)
{
	char *to = NULL;
	int r;

	if (!*text || !strchr(*text, '{'))
		return 0;
	r = recipe_expand(*text, arch, &to, err);
	if (r < 0)
		return error_wrap(err, r, "%s: '%s'", rc->file, *text);
	free(*text);
	*text = to;
	return 0;
}

static int expand_paths(struct recipe *rc, const char *arch, struct error *err)
{
	struct recipe_items *const items[] = { &rc->copies, &rc->texts, &rc->links,
					       &rc->directories };
	struct strv *const lists[] = { &rc->prune, &rc->keep, &rc->dlopen };
	int r = 0;

	for (size_t k = 0; k < ARRAY_SIZE(lists); k++)
		for (size_t i = 0; r == 0 && i < lists[k]->n; i++)
			r = expand(rc, &lists[k]->v[i], arch, err);
	for (size_t k = 0; k < ARRAY_SIZE(items); k++)
		for (size_t i = 0; r == 0 && i < items[k]->n; i++) {
			r = expand(rc, &items[k]->v[i].path, arch, err);
			if (r == 0)
				r = expand(rc, &items[k]->v[i].when, arch, err);
			if (r == 0 && items[k] != &rc->texts)
				r = expand(rc, &items[k]->v[i].value, arch, err);
		}
	for (size_t i = 0; r == 0 && i < rc->n_sources; i++) {
		r = expand(rc, &rc->sources[i].path, arch, err);
		if (r == 0)
			r = expand(rc, &rc->sources[i].target, arch, err);
	}
	return r;
}

static void replace_list(struct strv *to, struct strv *from)
{
	struct strv old = *to;

	if (!from->n)
		return;
	*to = *from;
	*from = old;
}

static void replace_text(char **to, char **from)
{
	char *old = *to;

	if (!*from)
		return;
	*to = *from;
	*from = old;
}

/* What the override has takes the place of what the source has; the old values are freed with the override. */
static void apply_override(struct source_spec *to, struct source_spec *from)
{
	replace_list(&to->suites, &from->suites);
	replace_list(&to->components, &from->components);
	replace_list(&to->packages, &from->packages);
	replace_list(&to->omit, &from->omit);
	replace_text(&to->mirror, &from->mirror);
	replace_text(&to->security_mirror, &from->security_mirror);
	replace_text(&to->keyring, &from->keyring);
}

int recipe_select_arch(struct recipe *rc, const char *arch, struct error *err)
{
	if (!source_debian_arch(arch))
		return error_set(err, -EINVAL,
				 "unknown architecture '%s' (x86_64, aarch64, ppc64le, s390x)",
				 arch);
	if (rc->architectures.n && !strv_has(&rc->architectures, arch))
		return error_set(err, -EINVAL, "recipe '%s' is not made for %s", rc->name, arch);
	for (size_t i = 0; i < rc->n_overrides; i++)
		if (str_eq(rc->overrides[i].arch, arch))
			apply_override(&rc->sources[rc->overrides[i].source],
				       &rc->overrides[i].spec);
	return expand_paths(rc, arch, err);
}
