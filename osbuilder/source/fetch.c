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

#define APT_HELPER "/usr/lib/apt/apt-helper" /* Debian's apt, 1.1 and later */

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
		return error_prefix(err, "apt is needed to fetch '%s'", url);
	if (process_exit_code(status) != 0) {
		unlink(tmp);
		return error_set(err, -EIO, "cannot fetch '%s': %s", url, last_line(&text));
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
		return error_set(err, -ENOENT,
				 "the cache has no copy of '%s', and --offline forbids fetching it",
				 url);
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
