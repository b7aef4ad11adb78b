/* SPDX-License-Identifier: Apache-2.0 */
#include "source/apk.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "codec/rsa.h"
#include "hint.h"
#include "source/fetch.h"
#include "source/package.h"

static void keys_release(struct apk_keys *k)
{
	for (size_t i = 0; i < k->n; i++) {
		free(k->v[i].name);
		free(k->v[i].pem);
	}
	free(k->v);
}

static int read_keys(const struct source_spec *s, const struct source_env *env,
		     struct apk_keys *ret, struct error *err)
{
	ret->v = new0_array(struct apk_key, s->keys.n);
	if (!ret->v)
		return error_oom(err);
	for (size_t i = 0; i < s->keys.n; i++) {
		_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
		struct apk_key *k = &ret->v[ret->n++];
		int r = file_read(env->dirfd, s->keys.v[i], RSA_KEY_TEXT_MAX, &text, err);

		if (r < 0)
			return r;
		k->name = strdup(path_base(s->keys.v[i]));
		k->len = text.len;
		k->pem = strbuf_detach(&text, NULL);
		if (!k->name || !k->pem)
			return error_oom(err);
	}
	return 0;
}

/* A file of the repository, mapped. */
static int map_file(const struct source_env *env, const char *repo, const char *name,
		    const char *cache_name, bool fresh, const void **ret, size_t *ret_len,
		    char **ret_path, struct error *err)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fd_ int fd = -1;
	int r = fetch_open(env, repo, name, cache_name, fresh, &fd, &path, err);

	if (r < 0)
		return r;
	r = fetch_map(fd, APK_FILE_MAX, ret, ret_len, err);
	if (r == 0 && !*ret)
		r = error_set(err, -EBADMSG, "is empty");
	if (r < 0)
		return error_prefix(err, "'%s'", path);
	*ret_path = steal_ptr(path);
	return 0;
}

static int load_index(struct apk_index *x, const struct source_env *env, const char *repo,
		      uint32_t number, const struct apk_keys *keys, struct error *err)
{
	_cleanup_free_ char *name = str_printf("%s/APKINDEX.tar.gz", env->arch), *cache = NULL,
			    *path = NULL;
	char hex[SHA_HEX_MAX];
	const void *map;
	size_t len;
	int r;

	if (!name || sha_hex_of(SHA_KIND_256, repo, strlen(repo), hex) < 0)
		return error_oom(err);
	cache = str_printf("apkindex-%.16s-%s.tar.gz", hex, env->arch);
	if (!cache)
		return error_oom(err);
	r = map_file(env, repo, name, cache, true, &map, &len, &path, err);
	if (r < 0)
		return r;
	r = apk_index_open(x, map, len, keys, env->arch, number, err);
	munmap((void *)map, len);
	return r < 0 ? error_prefix(err, "index '%s'", path) : 0;
}

/* One package of the chosen ones on its way into the store. */
struct want {
	const struct apk_package *p;
	const char *repo;
	char *name; /* below the repository */
	char *record; /* CACHE/apk/SHA1: "SHA256 of the file" that was accepted for this control data */
	bool done;
};
struct wants {
	const struct source_env *env;
	const struct apk_keys *keys;
	struct store store;
	struct want *v;
	size_t n;
};

static void wants_release(struct wants *w)
{
	for (size_t i = 0; w->v && i < w->n; i++) {
		free(w->v[i].name);
		free(w->v[i].record);
	}
	free(w->v);
	store_release(&w->store);
}

static int wants_fill(struct wants *w, const struct source_spec *s, const struct apk_index *x,
		      const size_t *chosen, size_t n, struct error *err)
{
	_cleanup_free_ char *dir = str_printf("%s/apk", w->env->cache_dir);
	int r = dir ? file_mkdir_p(AT_FDCWD, dir, 0755, err) : error_oom(err);

	w->v = new0_array(struct want, n);
	if (!w->v)
		return error_oom(err);
	for (; r == 0 && w->n < n; w->n++) {
		const struct apk_package *p = &x->v[chosen[w->n]];
		char sha1[2 * SHA_SIZE_1 + 1];

		hex_encode(sha1, p->sha1, SHA_SIZE_1);
		w->v[w->n] = (struct want){
			.p = p,
			.repo = s->repositories.v[p->repo],
			.name = str_printf("%s/%s-%s.apk", w->env->arch, p->name, p->version),
			.record = str_printf("%s/%s", dir, sha1),
		};
		if (!w->v[w->n].name || !w->v[w->n].record)
			r = error_oom(err);
	}
	return r < 0 ? r : store_open(&w->store, w->env->cache_dir, err);
}

static int add_locked(const struct want *w, const char *sha256, struct lock_packages *ret,
		      struct error *err)
{
	struct lock_package *p = lock_packages_add(ret);

	if (!p)
		return error_oom(err);
	p->name = strdup(w->p->name);
	p->version = strdup(w->p->version);
	p->arch = strdup(w->p->arch);
	p->path = strdup(w->name);
	p->size = w->p->size;
	memcpy(p->sha256, sha256, sizeof(p->sha256));
	return p->name && p->version && p->arch && p->path ? 0 : error_oom(err);
}

/* Does the store have what was accepted before? It is checked all the same: the keys may be others now. */
static int take_cached(struct wants *w, struct want *d, struct lock_packages *ret,
		       struct error *err)
{
	_cleanup_strbuf_ struct strbuf sha = STRBUF_INIT;
	struct store_map map = STORE_MAP_INIT;
	int r = file_read(AT_FDCWD, d->record, STORE_SHA_LEN + 1, &sha, NULL);

	if (r < 0 || !sha.len)
		return 0;
	strbuf_trim_end(&sha);
	if (!store_is_sha256(sha.buf) || store_map(&w->store, sha.buf, d->p->size, &map, NULL) < 0)
		return 0;
	r = apk_verify(map.data, map.len, d->p, w->keys, err);
	store_unmap(&map);
	if (r == 0)
		r = add_locked(d, sha.buf, ret, err);
	d->done = r == 0;
	return r;
}

static int take_file(struct wants *w, struct want *d, const char *path, struct lock_packages *ret,
		     struct error *err)
{
	_cleanup_fd_ int fd = openat(w->env->dirfd, path, O_RDONLY | O_CLOEXEC);
	char hex[SHA_HEX_MAX];
	const void *map = NULL;
	size_t len = 0;
	int r;

	if (fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", path);
	r = fetch_map(fd, APK_FILE_MAX, &map, &len, err);
	if (r == 0 && !map)
		r = error_set(err, -EBADMSG, "is empty");
	if (r == 0)
		r = apk_verify(map, len, d->p, w->keys, err);
	if (r == 0 && sha_hex_of(SHA_KIND_256, map, len, hex) < 0)
		r = error_set(err, -EIO, "cannot hash");
	if (map)
		munmap((void *)map, len);
	if (r < 0)
		return error_prefix(err, "'%s'", path);
	r = store_add_fd(&w->store, fd, hex, len, err);
	if (r == 0)
		r = file_write_atomic(AT_FDCWD, d->record, 0644, hex, strlen(hex), err);
	if (r == 0)
		r = add_locked(d, hex, ret, err);
	d->done = r == 0;
	return r;
}

static int take_local(struct wants *w, struct want *d, struct lock_packages *ret, struct error *err)
{
	const char *rest = str_after(d->repo, "file://");
	_cleanup_free_ char *path = str_printf("%s/%s", rest ? rest : d->repo, d->name);

	return path ? take_file(w, d, path, ret, err) : error_oom(err);
}

/* All that is still missing, in few runs of the helper. */
static int take_remote(struct wants *w, const char *dir, struct lock_packages *ret,
		       struct error *err)
{
	_cleanup_free_ struct fetch_item *items = new0_array(struct fetch_item, w->n);
	struct error why = ERROR_INIT;
	size_t n = 0;
	int r = items ? 0 : error_oom(err);

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		if (w->v[i].done)
			continue;
		items[n].url = str_printf("%s/%s", w->v[i].repo, w->v[i].name);
		items[n].path = str_printf("%s/%zu", dir, i);
		n++;
		if (!items[n - 1].url || !items[n - 1].path)
			r = error_oom(err);
	}
	if (r == 0)
		r = fetch_many(items, n, &why, err);
	for (size_t i = 0, k = 0; r == 0 && i < w->n; i++) {
		if (w->v[i].done)
			continue;
		r = items[k].done
			    ? take_file(w, &w->v[i], items[k].path, ret, err)
			    : error_set(err, -EIO, "cannot fetch '%s': %s", items[k].url, why.msg);
		if (r < 0)
			error_prefix(err, "package %s-%s", w->v[i].p->name, w->v[i].p->version);
		k++;
	}
	for (size_t i = 0; i < n; i++) {
		free(items[i].url);
		free(items[i].path);
	}
	return r;
}

static int take_all(struct wants *w, struct lock_packages *ret, struct error *err)
{
	_cleanup_free_ char *dir = NULL;
	size_t remote = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		struct want *d = &w->v[i];

		if (fetch_is_remote(d->repo))
			r = take_cached(w, d, ret, err);
		else
			r = take_local(w, d, ret, err);
		if (r == 0 && !d->done && w->env->offline)
			r = error_hint(err,
				       error_set(err, -ENOENT,
						 "the cache has no copy of '%s/%s', and --offline "
						 "forbids fetching it",
						 d->repo, d->name),
				       HINT_OFFLINE);
		if (r < 0)
			return error_prefix(err, "package %s-%s", d->p->name, d->p->version);
		remote += !d->done;
	}
	if (!remote)
		return 0;
	r = fetch_temp_dir(w->env, &dir, err);
	if (r == 0)
		r = take_remote(w, dir, ret, err);
	if (dir)
		file_remove_tree(AT_FDCWD, dir, NULL);
	return r;
}

static int apk_resolve(const struct source_spec *s, const struct source_env *env,
		       struct lock_packages *ret, struct error *err)
{
	_cleanup_(keys_release) struct apk_keys keys = { 0 };
	_cleanup_(apk_index_release) struct apk_index x = { 0 };
	_cleanup_(
		wants_release) struct wants w = { .env = env, .keys = &keys, .store = STORE_INIT };
	_cleanup_free_ size_t *chosen = NULL;
	size_t n = 0;
	int r;

	if (s->repositories.n > APK_REPOS_MAX)
		return error_set(err, -E2BIG, "more than %d repositories", APK_REPOS_MAX);
	r = read_keys(s, env, &keys, err);
	for (size_t i = 0; r == 0 && i < s->repositories.n; i++)
		r = load_index(&x, env, s->repositories.v[i], (uint32_t)i, &keys, err);
	if (r == 0)
		r = apk_solve(&x, &s->packages, &chosen, &n, err);
	if (r == 0)
		r = x.v ? wants_fill(&w, s, &x, chosen, n, err) : 0;
	if (r == 0)
		r = take_all(&w, ret, err);
	lock_packages_sort(ret);
	return r;
}

static int apk_fetch(const struct source_spec *s, const struct source_env *env,
		     const struct store *st, const struct lock_package *const *want, size_t n,
		     struct error *err)
{
	return fetch_packages(env, &s->repositories, st, want, n, err);
}

static const struct package_ops package_apk = {
	.type = "apk",
	.resolve = apk_resolve,
	.fetch = apk_fetch,
	.read = apk_read,
};

static int apk_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	return package_load(&package_apk, s, env, t, err);
}

static int apk_lock(const struct source_spec *s, const struct source_env *env,
		    struct lock_source *ret, struct error *err)
{
	return package_resolve(&package_apk, s, env, &ret->resolved, err);
}

const struct source_ops source_apk = {
	.name = "apk", .load = apk_load, .lock = apk_lock, .tells_stages = true
};
