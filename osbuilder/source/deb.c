/* SPDX-License-Identifier: Apache-2.0 */
#include "source/deb.h"

#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "source/store.h"

#define DEB_CONTROL_MAX (1u << 20) /* bytes of the control file */

/* The value of a one-line field of a control file into out; empty when absent. */
static int control_field(const char *text, const char *key, char *out, size_t out_len,
			 struct error *err)
{
	size_t klen = strlen(key);

	out[0] = '\0';
	for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
		const char *v = p + klen + 1;
		size_t n;

		if (strncmp(p, key, klen) != 0 || p[klen] != ':')
			continue;
		v += strspn(v, " \t");
		n = strcspn(v, " \t\r\n");
		if (n == 0 || n >= out_len)
			return error_set(err, -EBADMSG, "control file: bad field %s", key);
		memcpy(out, v, n);
		out[n] = '\0';
		return 0;
	}
	return error_set(err, -EBADMSG, "control file: no field %s", key);
}

static int read_control(struct la_archive *outer, struct source_package_info *ret,
			struct error *err)
{
	static const struct la_limits limits = { 64u << 20, 10000 };
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_la_ struct la_archive *a = NULL;
	struct la_entry e;
	ssize_t n = 0;
	int r = la_open_nested(outer, LA_TAR, &limits, &a, err);

	if (r < 0)
		return r;
	while ((r = la_next(a, &e, err)) > 0)
		if (str_eq(e.path, "./control") || str_eq(e.path, "control"))
			break;
	if (r < 0)
		return r;
	if (r == 0)
		return error_set(err, -EBADMSG, "has no control file");
	if (e.size > DEB_CONTROL_MAX)
		return error_set(err, -EFBIG, "control file of more than %u bytes",
				 DEB_CONTROL_MAX);
	if (strbuf_grow(&text, e.size) < 0)
		return error_oom(err);
	while (text.len < e.size &&
	       (n = la_read(a, text.buf + text.len, e.size - text.len, err)) > 0)
		strbuf_setlen(&text, text.len + (size_t)n);
	if (n < 0)
		return (int)n;
	r = control_field(text.buf, "Package", ret->name, sizeof(ret->name), err);
	if (r == 0)
		r = control_field(text.buf, "Version", ret->version, sizeof(ret->version), err);
	if (r == 0)
		r = control_field(text.buf, "Architecture", ret->arch, sizeof(ret->arch), err);
	return r;
}

static int check_arch(const struct source_package_info *i, const char *deb_arch, struct error *err)
{
	if (!deb_arch || str_eq(i->arch, deb_arch) || str_eq(i->arch, "all"))
		return 0;
	return error_set(err, -ENOEXEC, "package %s is for %s, the image is for %s", i->name,
			 i->arch, deb_arch);
}

static int check_format(struct la_archive *outer, struct error *err)
{
	char text[16] = "";
	ssize_t n = la_read(outer, text, sizeof(text) - 1, err);

	if (n < 0)
		return (int)n;
	if (!str_after(text, "2."))
		return error_set(err, -EBADMSG, "is not a Debian package of format 2.0");
	return 0;
}

int deb_read(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
	     const char *deb_arch, struct source_package_info *ret, struct error *err)
{
	/* the outer ar is as big as the file; its own limit only has to be above that */
	const struct la_limits outer_limits = { STORE_FILE_MAX, 64 };
	static const struct la_limits limits = LA_LIMITS_DEFAULT;
	_cleanup_la_ struct la_archive *outer = NULL;
	int step = 0, r; /* members seen: debian-binary, control.tar*, data.tar* in this order */
	struct la_entry e;

	r = la_open_memory(data, len, LA_AR, &outer_limits, &outer, err);
	while (r == 0 && step < 3 && (r = la_next(outer, &e, err)) > 0) {
		_cleanup_la_ struct la_archive *inner = NULL;

		if (step == 0 && str_eq(e.path, "debian-binary")) {
			r = check_format(outer, err);
		} else if (step == 1 && str_after(e.path, "control.tar")) {
			r = read_control(outer, ret, err);
			if (r == 0)
				r = check_arch(ret, deb_arch, err);
		} else if (step == 2 && str_after(e.path, "data.tar")) {
			r = la_open_nested(outer, LA_TAR, &limits, &inner, err);
			if (r == 0)
				r = layer_read(l, inner, spool, err);
		} else if (e.path[0] == '_') {
			r = 0; /* deb(5): members whose name starts with an underscore are passed over */
			continue;
		} else {
			r = error_set(err, -EBADMSG, "unexpected member '%.64s'", e.path);
		}
		step++;
	}
	if (r < 0)
		return r;
	return step == 3 ? 0 : error_set(err, -EBADMSG, "is not a complete Debian package");
}

int source_unpack_deb(struct tree *t, const void *data, size_t len, const char *deb_arch,
		      struct source_package_info *ret, struct error *err)
{
	_cleanup_layer_spool_ struct layer_spool spool = LAYER_SPOOL_INIT;
	_cleanup_layer_ struct layer l = { 0 };
	int r = layer_spool_open(&spool, err);

	if (r == 0)
		r = deb_read(&l, &spool, data, len, deb_arch, ret, err);
	if (r == 0 && tree_keep_fd(t, fd_steal(&spool.own_fd)) < 0)
		r = error_oom(err);
	return r < 0 ? r : layer_apply(&l, t, 0, err);
}
