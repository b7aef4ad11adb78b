/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/kconfig.h"

#include "base/alloc.h"

/* Text out, and the check of what Kconfig made of the fragments. */

int kconfig_write(const struct kconfig *kc, struct strbuf *out)
{
	for (size_t i = 0; i < kc->n; i++) {
		const struct kconfig_option *o = &kc->v[i];
		int r = str_eq(o->value, "n")
				? strbuf_addf(out, "# CONFIG_%s is not set\n", o->name)
				: strbuf_addf(out, "CONFIG_%s=%s\n", o->name, o->value);

		if (r < 0)
			return r;
	}
	return 0;
}

#define ROW "%-36s %-36s %-10s %s\n"

struct table {
	struct strbuf *text;
	size_t rows;
};

static int add_row(struct table *t, const struct kconfig_option *o, const char *fault)
{
	_cleanup_free_ char *name = str_printf("CONFIG_%s", o->name);
	_cleanup_free_ char *place = str_printf("%s:%u", o->file, o->line);

	if (!name || !place || !fault)
		return -ENOMEM;
	if (t->rows++ == 0 && strbuf_addf(t->text, ROW, "option", "set in", "wanted", "fault") < 0)
		return -ENOMEM;
	return strbuf_addf(t->text, ROW, name, place, o->value, fault);
}

static int judge_again(const struct kconfig *want, const struct kconfig_option *o, struct table *t)
{
	const struct kconfig_option *first = kconfig_find(want, o->name);
	_cleanup_free_ char *fault =
		str_eq(first->value, o->value)
			? str_printf("redundant: %s:%u sets it already", first->file, first->line)
			: str_printf("redefines %s of %s:%u", first->value, first->file,
				     first->line);

	return add_row(t, o, fault);
}

static int judge_result(const struct kconfig_option *o, const struct kconfig *got, struct table *t)
{
	const struct kconfig_option *g = kconfig_find(got, o->name);
	_cleanup_free_ char *fault = NULL;

	if (str_eq(o->value, g ? g->value : "n"))
		return 0;
	fault = g ? str_printf("altered: %s", g->value) : strdup("absent");
	return add_row(t, o, fault);
}

int kconfig_compare(const struct kconfig *want, const struct kconfig *got, struct strbuf *table,
		    size_t *ret_bad)
{
	struct table t = { .text = table };
	int r = 0;

	for (size_t i = 0; r == 0 && i < want->n_again; i++)
		r = judge_again(want, &want->again[i], &t);
	for (size_t i = 0; r == 0 && got && i < want->n; i++)
		r = judge_result(&want->v[i], got, &t);
	*ret_bad = t.rows;
	return r;
}
