/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/feature.h"

#include <string.h>

#define NO_FEATURE "(no feature)"

static const char *value_of(const struct kconfig *kc, const char *name)
{
	const struct kconfig_option *o = kconfig_find(kc, name);

	return o ? o->value : "n";
}

static bool is_of(const struct kconfig_option *o, size_t feature)
{
	return o->feature >= 0 && (size_t)o->feature == feature;
}

/* Is it one that the feature needs: on in our fragments? */
static bool is_needed(const struct kconfig_option *o, size_t feature)
{
	return is_of(o, feature) && str_eq(o->value, "y");
}

enum feature_state feature_state(const struct kconfig *ours, size_t feature,
				 const struct kconfig *kernel)
{
	enum feature_state state = FEATURE_FULL;

	for (size_t i = 0; i < ours->n; i++) {
		const char *v;

		if (!is_needed(&ours->v[i], feature))
			continue;
		v = value_of(kernel, ours->v[i].name);
		if (str_eq(v, "m"))
			state = FEATURE_MODULE;
		else if (!str_eq(v, "y"))
			return FEATURE_LACKS;
	}
	return state;
}

/* " NAME..." of the needed options whose value in the kernel is `value`. */
static int add_options(const struct kconfig *ours, size_t feature, const struct kconfig *kernel,
		       const char *value, struct strbuf *out)
{
	for (size_t i = 0; i < ours->n; i++) {
		const struct kconfig_option *o = &ours->v[i];

		if (is_needed(o, feature) && str_eq(value_of(kernel, o->name), value) &&
		    strbuf_addf(out, " %s", o->name) < 0)
			return -ENOMEM;
	}
	return strbuf_addch(out, '\n');
}

int feature_fit(const struct kconfig *ours, const struct kconfig *kernel, struct strbuf *out,
		size_t *ret_lacks)
{
	*ret_lacks = 0;
	for (size_t i = 0; i < ours->n_features; i++) {
		const struct kconfig_feature *f = &ours->features[i];
		const enum feature_state state = feature_state(ours, i, kernel);
		const char *value = state == FEATURE_LACKS ? "n" : "m";

		if (state == FEATURE_FULL)
			continue;
		*ret_lacks += state == FEATURE_LACKS;
		if (strbuf_addf(out,
				state == FEATURE_LACKS
					? "%s: without it %s\n  lacks:"
					: "%s: only with modules (else %s)\n  modules:",
				f->name, f->breaks ? f->breaks : "?") < 0 ||
		    add_options(ours, i, kernel, value, out) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* One line of the difference; the heading before the first of a feature. */
static int add_difference(struct strbuf *out, const char *feature, bool first, const char *name,
			  const char *a, const char *b)
{
	if (first && strbuf_addf(out, "%s\n", feature) < 0)
		return -ENOMEM;
	return strbuf_addf(out, "  %-36s %-12s %s\n", name, a, b);
}

static int diff_feature(const struct kconfig *ours, size_t feature, const struct kconfig *a,
			const struct kconfig *b, struct strbuf *out, size_t *differ)
{
	const size_t before = *differ;

	for (size_t i = 0; i < ours->n; i++) {
		const char *name = ours->v[i].name, *va = value_of(a, name),
			   *vb = value_of(b, name);

		if (!is_of(&ours->v[i], feature) || str_eq(va, vb))
			continue;
		if (add_difference(out, ours->features[feature].name, *differ == before, name, va,
				   vb) < 0)
			return -ENOMEM;
		++*differ;
	}
	return 0;
}

/* The options of both, each once in the order of names, that no feature has. */
static int diff_rest(const struct kconfig *ours, const struct kconfig *a, const struct kconfig *b,
		     struct strbuf *out, size_t *differ)
{
	const size_t before = *differ;
	size_t i = 0, j = 0;

	while (i < a->n || j < b->n) {
		const int c = i == a->n ? 1 : j == b->n ? -1 : strcmp(a->v[i].name, b->v[j].name);
		const char *name = c > 0 ? b->v[j].name : a->v[i].name;
		const char *va = c > 0 ? "n" : a->v[i].value, *vb = c < 0 ? "n" : b->v[j].value;

		i += c <= 0;
		j += c >= 0;
		if (str_eq(va, vb) || kconfig_find(ours, name))
			continue;
		if (add_difference(out, NO_FEATURE, *differ == before, name, va, vb) < 0)
			return -ENOMEM;
		++*differ;
	}
	return 0;
}

int feature_diff(const struct kconfig *ours, const struct kconfig *a, const struct kconfig *b,
		 struct strbuf *out, size_t *ret_differ)
{
	int r = 0;

	*ret_differ = 0;
	for (size_t i = 0; r == 0 && i < ours->n_features; i++)
		r = diff_feature(ours, i, a, b, out, ret_differ);
	return r < 0 ? r : diff_rest(ours, a, b, out, ret_differ);
}
