/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/kconfig.h"

#include <fcntl.h>
#include "base/alloc.h"
#include "base/file.h"

/* What needs more than the parser: files in, text out, and the check of Kconfig's result. */

int kconfig_load(struct kconfig *kc, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, path, KCONFIG_FILE_MAX, &text, err);

	return r < 0 ? r : kconfig_parse(kc, path, text.buf, text.len, err);
}

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

static int add_row(struct strbuf *table, const struct kconfig_option *o, const char *got)
{
	_cleanup_free_ char *name = str_printf("CONFIG_%s", o->name);
	_cleanup_free_ char *place = str_printf("%s:%u", o->file, o->line);

	if (!name || !place)
		return -ENOMEM;
	return strbuf_addf(table, ROW, name, place, o->value, got);
}

int kconfig_compare(const struct kconfig *want, const struct kconfig *got, struct strbuf *table,
		    size_t *ret_bad)
{
	size_t bad = 0;
	int r;

	for (size_t i = 0; i < want->n; i++) {
		const struct kconfig_option *g = kconfig_find(got, want->v[i].name);

		if (str_eq(want->v[i].value, g ? g->value : "n"))
			continue;
		if (bad++ == 0) {
			r = strbuf_addf(table, ROW, "option", "set in", "wanted", "got");
			if (r < 0)
				return r;
		}
		r = add_row(table, &want->v[i], g ? g->value : "absent");
		if (r < 0)
			return r;
	}
	*ret_bad = bad;
	return 0;
}
