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
#include "source/fetch.h"

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

static int take_package(const struct source_env *env, struct tree *t, const char *repo,
			const struct apk_package *p, const struct apk_keys *keys, struct error *err)
{
	_cleanup_free_ char *name = NULL, *cache = NULL, *path = NULL;
	char sha1[2 * SHA_SIZE_1 + 1], hex[SHA_HEX_MAX];
	const void *map;
	size_t len;
	int r;

	/* The name in the cache holds the hash, so that another package never has it. */
	hex_encode(sha1, p->sha1, SHA_SIZE_1);
	name = str_printf("%s/%s-%s.apk", env->arch, p->name, p->version);
	cache = str_printf("%s-%s-%s.apk", sha1, p->name, p->version);
	if (!name || !cache)
		return error_oom(err);
	r = map_file(env, repo, name, cache, false, &map, &len, &path, err);
	if (r < 0)
		return r;
	r = apk_unpack(t, map, len, p, keys, err);
	if (r < 0)
		error_prefix(err, "'%s'", path);
	else if (sha_hex_of(SHA_KIND_256, map, len, hex) < 0 ||
		 source_packages_add(env->packages, p->name, p->version, p->arch, hex) < 0)
		r = error_oom(err);
	munmap((void *)map, len);
	if (r == -EBADMSG && path && fetch_is_remote(repo))
		unlink(path); /* the next build fetches it again */
	return r;
}

static int apk_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	_cleanup_(keys_release) struct apk_keys keys = { 0 };
	_cleanup_(apk_index_release) struct apk_index x = { 0 };
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
	for (size_t i = 0; r == 0 && x.v && i < n; i++) {
		const struct apk_package *p = &x.v[chosen[i]];

		if (strv_has(&s->omit, p->name))
			continue;
		r = take_package(env, t, s->repositories.v[p->repo], p, &keys, err);
		if (r < 0)
			error_prefix(err, "package %s-%s", p->name, p->version);
	}
	return r;
}

const struct source_ops source_apk = { "apk", apk_load };
