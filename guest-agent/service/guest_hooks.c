/* SPDX-License-Identifier: Apache-2.0 */
#include "service/guest_hooks.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/strbuf.h"
#include "base/strv.h"

/* The programs of a directory, sorted. */
static int list_programs(const char *dir, struct strv *ret, struct error *err)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	struct stat st;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 : error_sys(err, -errno, "guest hooks %s", dir);
	while (r == 0 && (e = readdir(d))) {
		if (e->d_name[0] == '.' || fstatat(dirfd(d), e->d_name, &st, 0) < 0 ||
		    !S_ISREG(st.st_mode) || faccessat(dirfd(d), e->d_name, X_OK, 0) < 0)
			continue;
		if (ret->n >= GUEST_HOOKS_MAX)
			r = error_set(err, -EINVAL, "guest hooks %s: more than %d", dir,
				      GUEST_HOOKS_MAX);
		else if (strv_addf(ret, "%s/%s", dir, e->d_name) < 0)
			r = error_oom(err);
	}
	closedir(d);
	/* So few that the simplest way will do. */
	for (size_t i = 0; i < ret->n; i++)
		for (size_t k = i + 1; k < ret->n; k++)
			if (strcmp(ret->v[k], ret->v[i]) < 0) {
				char *t = ret->v[i];

				ret->v[i] = ret->v[k];
				ret->v[k] = t;
			}
	return r;
}

static int add_kind(const char *base, const char *kind, struct oci_hook_list *list,
		    struct arena *mem, struct error *err)
{
	_cleanup_free_ char *dir = str_printf("%s/%s", base, kind);
	_cleanup_strv_ struct strv found = STRV_INIT;
	struct oci_hook *v;
	int r = dir ? list_programs(dir, &found, err) : error_oom(err);

	if (r < 0 || !found.n)
		return r;
	v = arena_new_array(mem, struct oci_hook, list->n + found.n);
	if (!v)
		return error_oom(err);
	if (list->n)
		memcpy(v, list->v, list->n * sizeof(*v));
	list->v = v;
	for (size_t i = 0; i < found.n; i++) {
		struct oci_hook *h = &v[list->n++];

		/* As upstream's: its own path, and its kind. */
		h->args.v = arena_new_array(mem, char *, 3);
		h->path = arena_strdup(mem, found.v[i]);
		if (!h->args.v || !h->path)
			return error_oom(err);
		h->args.v[0] = h->path;
		h->args.v[1] = arena_strdup(mem, kind);
		h->args.n = 2;
		if (!h->args.v[1])
			return error_oom(err);
	}
	return 0;
}

int guest_hooks_add(const char *dir, struct oci_spec *spec, struct error *err)
{
	int r = add_kind(dir, "prestart", &spec->hooks.prestart, &spec->arena, err);

	if (r == 0)
		r = add_kind(dir, "poststart", &spec->hooks.poststart, &spec->arena, err);
	if (r == 0)
		r = add_kind(dir, "poststop", &spec->hooks.poststop, &spec->arena, err);
	return r;
}
