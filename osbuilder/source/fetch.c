/* SPDX-License-Identifier: Apache-2.0 */
#include "source/fetch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "hint.h"

#define APT_HELPER    "/usr/lib/apt/apt-helper" /* Debian's apt, 1.1 and later */
#define FILES_AT_ONCE 256 /* in one run of it: keeps the command line well below ARG_MAX */

bool fetch_is_remote(const char *base)
{
	return str_after(base, "http://") || str_after(base, "https://");
}

/* The last line of what the program said, without apt's "E: ". */
static const char *last_line(struct strbuf *text)
{
	const char *line;

	strbuf_trim_end(text);
	line = strrchr(text->buf, '\n');
	line = line ? line + 1 : text->buf;
	return str_after(line, "E: ") ? line + 3 : line;
}

/* Under a temporary name first: what has the final name is complete. */
static int download(const char *url, const char *path, struct error *err)
{
	_cleanup_free_ char *tmp = str_printf("%s.tmp-%ld", path, (long)getpid());
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT;
	struct process_params p;
	int status, r;

	if (!tmp || strv_adds(&argv, APT_HELPER, "-qq", "-o", "APT::Sandbox::User=root",
			      "download-file", url, tmp, NULL) < 0)
		return error_oom(err);
	process_params_preset(&p);
	p.path = APT_HELPER;
	p.argv = argv.v;
	r = process_run(&p, NULL, &text, &status, err);
	if (r < 0)
		return error_hint(err, error_prefix(err, "apt is needed to fetch '%s'", url),
				  HINT_APT);
	if (process_exit_code(status) != 0) {
		unlink(tmp);
		return error_hint(
			err, error_set(err, -EIO, "cannot fetch '%s': %s", url, last_line(&text)),
			HINT_NETWORK);
	}
	if (rename(tmp, path) < 0) {
		r = -errno;
		unlink(tmp);
		return error_sys(err, r, "cannot rename '%s'", tmp);
	}
	return 0;
}

static int open_remote(const struct source_env *env, const char *url, const char *cache_name,
		       bool fresh, int *ret_fd, char **ret_path, struct error *err)
{
	_cleanup_free_ char *dir = str_printf("%s/fetch", env->cache_dir);
	_cleanup_free_ char *path = str_printf("%s/fetch/%s", env->cache_dir, cache_name);
	_cleanup_fd_ int fd = -1;
	int r;

	if (!dir || !path)
		return error_oom(err);
	r = file_mkdir_p(AT_FDCWD, dir, 0755, err);
	if (r < 0)
		return r;
	if (!fresh || env->offline)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && env->offline)
		return error_hint(err,
				  error_set(err, -ENOENT,
					    "the cache has no copy of '%s', and --offline forbids "
					    "fetching it",
					    url),
				  HINT_OFFLINE);
	if (fd < 0) {
		r = download(url, path, err);
		if (r < 0)
			return r;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", path);
	*ret_fd = fd_steal(&fd);
	*ret_path = steal_ptr(path);
	return 0;
}

int fetch_open(const struct source_env *env, const char *base, const char *name,
	       const char *cache_name, bool fresh, int *ret_fd, char **ret_path, struct error *err)
{
	const char *local = str_after(base, "file://");
	_cleanup_free_ char *url = str_printf("%s/%s", local ? local : base, name);
	int fd;

	if (!url)
		return error_oom(err);
	if (fetch_is_remote(base))
		return open_remote(env, url, cache_name, fresh, ret_fd, ret_path, err);
	if (strstr(base, "://") && !local)
		return error_set(err, -EINVAL, "'%s': only http, https, file and paths are known",
				 base);
	fd = openat(env->dirfd, url, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", url);
	*ret_fd = fd;
	*ret_path = steal_ptr(url);
	return 0;
}

int fetch_map(int fd, uint64_t max, const void **ret_map, size_t *ret_len, struct error *err)
{
	struct stat st;
	void *map;

	*ret_map = NULL;
	*ret_len = 0;
	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "cannot stat");
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "is not a regular file");
	if ((uint64_t)st.st_size > max)
		return error_set(err, -EFBIG, "has more than %llu bytes", (unsigned long long)max);
	if (!st.st_size)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return error_sys(err, -errno, "cannot map");
	*ret_map = map;
	*ret_len = (size_t)st.st_size;
	return 0;
}

/* One run, for items[from] and what follows as far as it may; returns where to go on. */
static int fetch_some(struct fetch_item *items, size_t n, size_t *at, struct error *why,
		      struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_strv_ struct strv argv = STRV_INIT;
	const size_t begin = *at;
	struct process_params p;
	int status, r;

	r = strv_adds(&argv, APT_HELPER, "-qq", "-o", "APT::Sandbox::User=root", "download-file",
		      NULL);
	for (; r == 0 && *at < n && *at - begin < FILES_AT_ONCE; (*at)++) {
		const struct fetch_item *i = &items[*at];

		r |= strv_add(&argv, i->url) | strv_add(&argv, i->path);
		r |= i->sha256 ? strv_addf(&argv, "SHA256:%s", i->sha256) : strv_add(&argv, "");
	}
	if (r)
		return error_oom(err);
	process_params_preset(&p);
	p.path = APT_HELPER;
	p.argv = argv.v;
	r = process_run(&p, NULL, &text, &status, err);
	if (r < 0)
		return error_hint(
			err, error_prefix(err, "apt is needed to fetch '%s'", items[begin].url),
			HINT_APT);
	if (process_exit_code(status) != 0 && why)
		error_set(why, -EIO, "%s", last_line(&text));
	for (size_t i = begin; i < *at; i++)
		items[i].done = access(items[i].path, F_OK) == 0;
	return 0;
}

int fetch_many(struct fetch_item *items, size_t n, struct error *why, struct error *err)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < n;)
		r = fetch_some(items, n, &at, why, err);
	return r;
}

int fetch_temp_dir(const struct source_env *env, char **ret, struct error *err)
{
	char *dir = str_printf("%s/fetch/.tmp-%ld", env->cache_dir, (long)getpid());
	int r = dir ? file_remove_tree(AT_FDCWD, dir, err) : error_oom(err);

	if (r == 0)
		r = file_mkdir_p(AT_FDCWD, dir, 0755, err);
	if (r < 0) {
		free(dir);
		return r;
	}
	*ret = dir;
	return 0;
}

/* What fetch_packages() works on. */
struct wanted {
	const struct source_env *env;
	const struct store *st;
	const struct lock_package *const *want;
	bool *done;
	size_t n;
	struct error why;
};

/* -EBADMSG and what cannot be opened mean: not from here. */
static int take_file(struct wanted *w, size_t i, const char *path, struct error *err)
{
	_cleanup_fd_ int fd = path ? openat(w->env->dirfd, path, O_RDONLY | O_CLOEXEC) : -1;
	struct error e = ERROR_INIT;
	int r;

	if (fd < 0)
		return 0;
	r = store_add_fd(w->st, fd, w->want[i]->sha256, w->want[i]->size, &e);
	w->done[i] = r == 0;
	return r < 0 && r != -EBADMSG ? error_set(err, r, "%s", e.msg) : 0;
}

static int take_local(struct wanted *w, const char *base, struct error *err)
{
	const char *rest = str_after(base, "file://");
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		_cleanup_free_ char *path = NULL;

		if (w->done[i])
			continue;
		path = str_printf("%s/%s", rest ? rest : base, w->want[i]->path);
		r = path ? take_file(w, i, path, err) : error_oom(err);
	}
	return r;
}

static int take_remote(struct wanted *w, const char *base, const char *dir, struct error *err)
{
	_cleanup_free_ struct fetch_item *items = new0_array(struct fetch_item, w->n);
	size_t n = 0;
	int r = items ? 0 : error_oom(err);

	for (size_t i = 0; r == 0 && i < w->n; i++) {
		struct fetch_item *it = &items[n];

		if (w->done[i])
			continue;
		it->sha256 = w->want[i]->sha256;
		it->url = str_printf("%s/%s", base, w->want[i]->path);
		it->path = str_printf("%s/%s", dir, it->sha256);
		n++;
		if (!it->url || !it->path)
			r = error_oom(err);
	}
	if (r == 0)
		r = fetch_many(items, n, &w->why, err);
	for (size_t i = 0, k = 0; r == 0 && i < w->n; i++)
		if (!w->done[i])
			r = take_file(w, i, items[k++].path, err);
	for (size_t i = 0; i < n; i++) {
		free(items[i].url);
		free(items[i].path);
	}
	return r;
}

int fetch_packages(const struct source_env *env, const struct strv *bases, const struct store *st,
		   const struct lock_package *const *want, size_t n, struct error *err)
{
	_cleanup_free_ bool *done = new0_array(bool, n);
	_cleanup_free_ char *dir = NULL;
	struct wanted w = { env, st, want, done, n, ERROR_INIT };
	int r = done ? fetch_temp_dir(env, &dir, err) : error_oom(err);

	for (size_t i = 0; r == 0 && i < bases->n; i++)
		r = fetch_is_remote(bases->v[i]) ? take_remote(&w, bases->v[i], dir, err)
						 : take_local(&w, bases->v[i], err);
	if (dir)
		file_remove_tree(AT_FDCWD, dir, NULL);
	return r < 0 ? r : lock_packages_missing(want, done, n, w.why.code ? w.why.msg : NULL, err);
}
