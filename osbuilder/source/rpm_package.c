/* SPDX-License-Identifier: Apache-2.0 */
/* What dnf prints, and a package file as a layer. */
#include "source/rpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "source/filecaps.h"

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int rpm_parse_urls(const char *text, struct strv *ret, struct error *err)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		_cleanup_free_ char *url = mem_dup0(line, len);
		const char *name;

		if (!url)
			return error_oom(err);
		line += len + (line[len] == '\n');
		if (!*url)
			continue;
		name = path_base(url);
		if (!strstr(url, "://") || !str_ends(name, ".rpm") || *name == '.' || *name == '-')
			return error_set(err, -EBADMSG, "cannot understand dnf's line '%.200s'",
					 url);
		if (ret->n >= SOURCE_PACKAGES_MAX)
			return error_set(err, -E2BIG, "more than %d packages", SOURCE_PACKAGES_MAX);
		if (!strv_has(ret, name) && strv_add(ret, name) < 0)
			return error_oom(err);
	}
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_text);
	return 0;
}

/* The first of several hard links gets the content, whichever of them had it in the archive. */
static int gather_links(struct rpm_files *files, struct error *err)
{
	for (size_t i = 0; i < files->n; i++) {
		struct rpm_file *f = &files->v[i], *first = &files->v[f->first_link];

		if (f == first || !f->has_content)
			continue;
		if (first->has_content)
			return error_set(err, -EBADMSG, "entry '/%.200s' has content of its own",
					 f->path);
		first->content = f->content;
		first->has_content = true;
		f->content = (struct blob)BLOB_INIT;
	}
	return 0;
}

static int add_caps(struct layer *l, struct layer_entry *d, const char *caps, struct error *err)
{
	uint8_t value[FILECAPS_SIZE];
	int r = filecaps_parse(caps, value, err);

	return r < 0 ? r : layer_add_xattr(l, d, FILECAPS_XATTR, value, sizeof(value), err);
}

static int add_file(struct layer *l, struct rpm_file *f, const struct rpm_file *first,
		    struct error *err)
{
	struct la_entry e = { .path = f->path,
			      .mode = f->mode,
			      .mtime_sec = f->mtime,
			      .rdev_major = f->rdev >> 8 & 0xff,
			      .rdev_minor = f->rdev & 0xff };
	struct layer_entry *d = NULL;
	int r;

	if (f != first)
		e.hardlink = first->path;
	if (S_ISLNK(f->mode))
		e.symlink = f->link;
	if (S_ISREG(f->mode) && f == first && f->content.size != f->size)
		return error_set(err, -EBADMSG, "has %llu bytes, the header says %llu",
				 (unsigned long long)f->content.size, (unsigned long long)f->size);
	r = layer_add(l, &e, &d, err);
	if (r < 0 || !d || f != first)
		return r;
	d->user = arena_strdup(&l->arena, f->user);
	d->group = arena_strdup(&l->arena, f->group);
	if (!d->user || !d->group)
		return error_oom(err);
	d->content = f->content;
	f->content = (struct blob)BLOB_INIT;
	return *f->caps && S_ISREG(f->mode) ? add_caps(l, d, f->caps, err) : 0;
}

static int add_files(struct layer *l, struct rpm_files *files, struct error *err)
{
	for (size_t i = 0; i < files->n; i++) {
		struct rpm_file *f = &files->v[i];
		int r;

		if (f->flags & RPM_FLAG_GHOST)
			continue;
		r = f->in_payload ? add_file(l, f, &files->v[f->first_link], err)
				  : error_set(err, -EBADMSG, "is not in the payload");
		if (r < 0)
			return error_wrap(err, r, "entry '/%.200s'", f->path);
	}
	return 0;
}

static int check_name(const struct rpm_header *h, const char *arch, struct source_package_info *ret,
		      struct error *err)
{
	_cleanup_arena_ struct arena arena = ARENA_INIT;
	struct rpm_name n = { 0 };
	int r = rpm_header_name(h, &arena, &n, err);

	if (r < 0)
		return r;
	if (arch && !str_eq(n.arch, arch) && !str_eq(n.arch, "noarch"))
		return error_set(err, -ENOEXEC, "is for %s, the image is for %s", n.arch, arch);
	if ((size_t)snprintf(ret->name, sizeof(ret->name), "%s", n.name) >= sizeof(ret->name) ||
	    (size_t)snprintf(ret->version, sizeof(ret->version), "%s", n.version) >=
		    sizeof(ret->version) ||
	    (size_t)snprintf(ret->arch, sizeof(ret->arch), "%s", n.arch) >= sizeof(ret->arch))
		return error_set(err, -ENAMETOOLONG, "name, version or architecture is too long");
	return 0;
}

int rpm_read(struct layer *l, struct layer_spool *spool, const void *data, size_t len,
	     const char *arch, struct source_package_info *ret, struct error *err)
{
	static const struct la_limits limits = LA_LIMITS_DEFAULT;
	_cleanup_(rpm_files_release) struct rpm_files files = { 0 };
	struct rpm_header h;
	size_t payload = 0;
	int r = rpm_header_open(data, len, &h, &payload, err);

	if (r == 0)
		r = check_name(&h, arch, ret, err);
	if (r == 0)
		r = rpm_header_files(&h, &files, err);
	if (r == 0 && files.n)
		r = rpm_payload_read((const uint8_t *)data + payload, len - payload, &limits,
				     &files, spool, err);
	if (r == 0)
		r = gather_links(&files, err);
	if (r == 0)
		r = add_files(l, &files, err);
	if (r == 0)
		r = layer_refuse_twice(l, err);
	return r < 0 ? r : layer_spool_flush(spool, err);
}
