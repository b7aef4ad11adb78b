/* SPDX-License-Identifier: Apache-2.0 */
#include "kconfig/kconfig.h"

#include <fcntl.h>
#include "base/alloc.h"
#include "base/file.h"

/* Files: a .config as it is, and the fragments of ours, which have tags and features. */

int kconfig_load(struct kconfig *kc, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, path, KCONFIG_FILE_MAX, &text, err);

	return r < 0 ? r : kconfig_parse(kc, path, text.buf, text.len, err);
}

/* Does a line "# !TAG" leave the file out? */
static bool excluded(const struct strbuf *text, const struct strv *tags)
{
	char tag[KCONFIG_TAG_MAX + 1];

	for (const char *l = text->buf; l; l = strchr(l, '\n')) {
		const char *s = str_after(l + (*l == '\n'), "# !");
		size_t n = s ? strcspn(s, " \t\n") : 0;

		l += *l == '\n';
		if (n == 0 || n > KCONFIG_TAG_MAX)
			continue;
		memcpy(tag, s, n);
		tag[n] = '\0';
		if (strv_has(tags, tag))
			return true;
	}
	return false;
}

int kconfig_load_fragment(struct kconfig *kc, const char *path, const struct strv *tags,
			  struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, path, KCONFIG_FILE_MAX, &text, err);
	const struct kconfig_option *o;

	if (r < 0 || excluded(&text, tags))
		return r < 0 ? r : 0;
	r = kconfig_parse(kc, path, text.buf, text.len, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < kc->n + kc->n_again; i++) {
		o = i < kc->n ? &kc->v[i] : &kc->again[i - kc->n];
		if (o->feature < 0)
			return error_set(err, -EINVAL,
					 "%s:%u: CONFIG_%s belongs to no feature ('#: NAME: what "
					 "does not work without it' is missing above it)",
					 o->file, o->line, o->name);
	}
	return 0;
}

int kconfig_check_features(const struct kconfig *kc, struct error *err)
{
	for (size_t i = 0; i < kc->n_features; i++) {
		const struct kconfig_feature *f = &kc->features[i];

		if (!f->breaks)
			return error_set(err, -EINVAL, "%s:%u: feature '%s' is nowhere described",
					 f->file, f->line, f->name);
	}
	return 0;
}
