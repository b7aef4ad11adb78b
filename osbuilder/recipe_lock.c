/* SPDX-License-Identifier: Apache-2.0 */
#include "recipe_lock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/path.h"
#include "codec/toml.h"
#include "hint.h"

static size_t count_wanted(const struct recipe *rc)
{
	size_t n = 0;

	for (size_t i = 0; i < rc->n_sources; i++)
		n += lock_wants(&rc->sources[i]);
	return n;
}

char *recipe_lock_path(const struct recipe *rc, const char *arch)
{
	_cleanup_free_ char *name =
		lock_file_name(arch, rc->init == RECIPE_INIT_SYSTEMD ? "systemd" : NULL);

	if (!name)
		return NULL;
	return str_printf("%.*s%s", (int)(path_base(rc->file) - rc->file), rc->file, name);
}

static int check_fits(const struct lock *l, const struct recipe *rc, const char *arch,
		      struct error *err)
{
	size_t k = 0;

	if (!str_eq(l->recipe, rc->name) || !str_eq(l->arch, arch))
		return error_set(err, -ESTALE, "'%s' is for recipe '%s' on %s", l->file, l->recipe,
				 l->arch);
	if (l->n != count_wanted(rc))
		return error_set(err, -ESTALE, "'%s' has %zu sources, the recipe has %zu", l->file,
				 l->n, count_wanted(rc));
	for (size_t i = 0; i < rc->n_sources; i++) {
		int r;

		if (!lock_wants(&rc->sources[i]))
			continue;
		r = lock_check(l, &l->sources[k++], &rc->sources[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

int recipe_lock_load(const struct image_build_params *p, const struct recipe *rc, struct lock *ret,
		     struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *path = NULL;
	int r;

	if (p->lock == LOCK_USE_NONE || !count_wanted(rc))
		return 0;
	path = recipe_lock_path(rc, p->arch);
	if (!path)
		return error_oom(err);
	if (rc->extra_packages.n && p->lock == LOCK_USE_NEED)
		return error_set(err, -EINVAL,
				 "'%s' has no extra packages: --locked and --extra-package "
				 "exclude each other",
				 path);
	if (faccessat(AT_FDCWD, path, F_OK, 0) < 0 && errno == ENOENT) {
		if (p->lock == LOCK_USE_AUTO)
			return 0;
		return error_hint(err, error_set(err, -ENOENT, "there is no '%s'", path),
				  HINT_MAKE_LOCK);
	}
	if (rc->extra_packages.n) {
		progress_warn(p->progress, "'%s' is not used: it has no extra packages", path);
		return 0;
	}
	r = file_read(AT_FDCWD, path, TOML_MAX_BYTES, &text, err);
	if (r == 0)
		r = lock_parse(text.buf, text.len, path, ret, err);
	if (r == 0)
		r = check_fits(ret, rc, p->arch, err);
	return r < 0 ? r : 1;
}

static int resolve_all(const struct image_build_params *p, const struct recipe *rc, struct lock *l,
		       struct error *err)
{
	_cleanup_free_ char *cache = path_absolute(p->cache_dir);
	const struct source_env env = { .arch = p->arch,
					.dirfd = rc->dirfd,
					.cache_dir = cache,
					.offline = p->offline,
					.progress = p->progress };

	if (!cache)
		return error_oom(err);
	for (size_t i = 0; i < rc->n_sources; i++) {
		struct lock_source *s;
		int r;

		if (!lock_wants(&rc->sources[i]))
			continue;
		s = lock_add_source(l, &rc->sources[i]);
		r = s ? source_find(rc->sources[i].type)->lock(&rc->sources[i], &env, s, err)
		      : error_oom(err);
		if (r < 0)
			return error_wrap(err, r, "recipe '%s': source %s", rc->name,
					  rc->sources[i].type);
	}
	return 0;
}

/* The lock file that is there; a damaged one counts as none, since it is made anew. 1, or 0 when there is none. */
static int read_old(const char *path, struct lock *ret, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, path, TOML_MAX_BYTES, &text, err);

	if (r == 0)
		r = lock_parse(text.buf, text.len, path, ret, err);
	if (r == -ENOMEM)
		return r;
	return r == 0;
}

static int check_moved(const struct lock *old, const char *path, const struct strbuf *moved,
		       struct error *err)
{
	size_t n = 0;

	if (!old->file)
		return error_set(err, -ESTALE, "there is no lock file '%s'", path);
	for (const char *p = moved->buf; p && *p; p++)
		n += *p == '\n';
	return n ? error_set(err, -ESTALE, "'%s' is not what the archives have now: %zu change%s",
			     path, n, n == 1 ? "" : "s")
		 : 0;
}

static int write_lock(const struct image_build_params *p, const struct lock *l, const char *path,
		      struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_lock_ struct lock again = { 0 };
	int r = lock_to_toml(l, &text, err);

	if (r == 0) /* what the reader would refuse must not be written */
		r = lock_parse(text.buf, text.len, path, &again, err);
	if (r == 0)
		r = file_write_atomic(AT_FDCWD, path, 0644, text.buf, text.len, err);
	if (r == 0)
		progress_output(p->progress, &(struct progress_output){ .kind = "lock",
									.path = path,
									.size = text.len });
	return r;
}

int image_lock(const struct image_build_params *p, bool check, char **ret_path,
	       struct strbuf *moved, struct error *err)
{
	_cleanup_lock_ struct lock l = { 0 }, old = { 0 };
	_cleanup_recipe_ struct recipe *rc = NULL;
	_cleanup_free_ char *path = NULL;
	int r = recipe_load(p->recipe, p->recipes_dir, &rc, err);

	if (r == 0)
		r = recipe_select_arch(rc, p->arch, err);
	if (r == 0)
		r = recipe_apply(rc, &p->choices, err);
	if (r < 0)
		return r;
	if (!count_wanted(rc))
		return error_set(err, -EINVAL, "recipe '%s' has no packages to lock", rc->name);
	path = recipe_lock_path(rc, p->arch);
	l.recipe = strdup(rc->name);
	l.arch = strdup(p->arch);
	if (!path || !l.recipe || !l.arch)
		return error_oom(err);
	r = resolve_all(p, rc, &l, err);
	if (r == 0)
		r = read_old(path, &old, NULL);
	if (r < 0 || (r > 0 && lock_moved(&old, &l, moved) < 0))
		return err && err->code ? err->code : error_oom(err);
	r = check ? check_moved(&old, path, moved, err) : write_lock(p, &l, path, err);
	if (r == 0)
		*ret_path = steal_ptr(path);
	return r;
}
