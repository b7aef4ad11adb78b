/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "source/apt.h"
#include "source/unpack.h"

#define DEB_CONTROL_MAX (1u << 20)	    /* bytes of the control file */
#define DEB_FILE_MAX	(UINT64_C(2) << 30) /* bytes of a package file */

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

static int read_control(struct la_archive *outer, struct source_deb_info *ret, struct error *err)
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

static int check_arch(const struct source_deb_info *i, const char *deb_arch, struct error *err)
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

int source_unpack_deb(struct tree *t, const void *data, size_t len, const char *deb_arch,
		      struct source_deb_info *ret, struct error *err)
{
	/* the outer ar is as big as the file; its own limit only has to be above that */
	const struct la_limits outer_limits = { DEB_FILE_MAX, 64 };
	static const struct la_limits limits = LA_LIMITS_DEFAULT;
	static const struct source_unpack at_root = { .target = "" };
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
				r = unpack_archive(t, inner, &at_root, err);
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

/* Maps the file, checks it against the index, unpacks it unless the recipe omits it. */
static int take_file(const struct source_spec *s, const struct source_env *env, struct tree *t,
		     const char *dir, const struct apt_file *f, struct error *err)
{
	_cleanup_free_ char *path = str_printf("%s/%s", dir, f->name);
	_cleanup_fd_ int fd = -1;
	struct source_deb_info info = { 0 };
	char hex[SHA_HEX_MAX];
	struct stat st;
	void *map;
	int r;

	if (!path)
		return error_oom(err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cannot open '%s'", path);
	if ((uint64_t)st.st_size != f->size || !f->size || f->size > DEB_FILE_MAX)
		return error_set(err, -EBADMSG, "has %llu bytes, the package index says %llu",
				 (unsigned long long)st.st_size, (unsigned long long)f->size);
	map = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return error_sys(err, -errno, "cannot map '%s'", path);
	r = sha_hex_of(SHA_KIND_256, map, f->size, hex);
	if (r < 0)
		error_sys(err, r, "cannot hash '%s'", path);
	else if (!str_eq(hex, f->sha256))
		r = error_set(err, -EBADMSG, "SHA-256 is %s, the package index says %s", hex,
			      f->sha256);
	if (r == 0)
		r = source_unpack_deb(t, map, f->size, source_debian_arch(env->arch), &info, err);
	munmap(map, f->size);
	if (r == 0 &&
	    source_packages_add(env->packages, info.name, info.version, info.arch, f->sha256) < 0)
		r = error_oom(err);
	return r;
}

/* "name_version_arch.deb" names a package that the recipe leaves out. */
static bool omitted(const struct source_spec *s, const char *file)
{
	for (size_t i = 0; i < s->omit.n; i++) {
		const char *rest = str_after(file, s->omit.v[i]);

		if (rest && *rest == '_')
			return true;
	}
	return false;
}

static int deb_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	_cleanup_(apt_files_release) struct apt_files files = { 0 };
	_cleanup_free_ char *dir = NULL;
	int r = apt_fetch(s, env, &files, &dir, err);

	for (size_t i = 0; r == 0 && i < files.n; i++) {
		if (omitted(s, files.v[i].name))
			continue;
		r = take_file(s, env, t, dir, &files.v[i], err);
		if (r < 0)
			error_prefix(err, "package %s", files.v[i].name);
	}
	return r;
}

const struct source_ops source_deb = { "deb", deb_load };
