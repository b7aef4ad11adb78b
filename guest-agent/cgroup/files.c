/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "cgroup/convert.h"
#include "cgroup/driver.h"

#define DEPTH_MAX 64 /* of cgroups that a container made below its own */

static char *file_path(const struct cgroup *c, const char *file)
{
	return str_printf("%s/%s", c->rel, file);
}

int cgroup_write(const struct cgroup *c, const struct hierarchy *h, const char *file,
		 const char *value, struct error *err)
{
	_cleanup_free_ char *path = file_path(c, file);

	return path ? file_write_existing(h->fd, path, value, err) : error_oom(err);
}

int cgroup_read(const struct cgroup *c, const struct hierarchy *h, const char *file,
		struct strbuf *out)
{
	_cleanup_free_ char *path = file_path(c, file);

	strbuf_reset(out);
	return path ? file_read(h->fd, path, CGROUP_FILE_MAX, out, NULL) : -ENOMEM;
}

uint64_t cgroup_read_u64(const struct cgroup *c, const struct hierarchy *h, const char *file)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	uint64_t v;

	if (cgroup_read(c, h, file, &text) < 0)
		return 0;
	strbuf_trim_end(&text);
	if (str_eq(text.buf, "max"))
		return UINT64_MAX;
	return parse_u64(text.buf, 10, &v) == 0 ? v : 0;
}

int cgroup_make_dirs(const struct cgroup *c, const struct hierarchy *h,
		     void (*before_child)(int dirfd), void (*after)(int parent, int dirfd),
		     struct error *err)
{
	_cleanup_free_ char *copy = strdup(c->rel);
	_cleanup_fd_ int dir = fcntl(h->fd, F_DUPFD_CLOEXEC, 3);
	char *save = NULL;

	if (!copy || dir < 0)
		return error_oom(err);
	for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
		_cleanup_fd_ int next = -1;

		if (before_child)
			before_child(dir);
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return error_sys(err, -errno, "cannot make cgroup \"%s/%s\"", h->mount,
					 c->rel);
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return error_sys(err, -errno, "cannot open cgroup \"%s/%s\"", h->mount,
					 c->rel);
		if (after)
			after(dir, next);
		fd_close(dir);
		dir = fd_steal(&next);
	}
	return fd_steal(&dir);
}

/* rmdir of what is below, deepest first. */
static int remove_below(int parent, const char *name, unsigned int depth)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!d) {
		fd_close(fd);
		return fd < 0 ? -errno : -ENOMEM;
	}
	while ((e = readdir(d)) && depth < DEPTH_MAX)
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			remove_below(dirfd(d), e->d_name, depth + 1);
	closedir(d);
	return unlinkat(parent, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int cgroup_remove_dirs(const struct cgroup *c, const struct hierarchy *h)
{
	_cleanup_free_ char *rel = strdup(c->rel);
	int r;

	if (!rel)
		return -EBUSY;
	r = unlinkat(h->fd, rel, AT_REMOVEDIR) < 0 ? -errno : 0;
	if (r == -EBUSY || r == -ENOTEMPTY)
		r = remove_below(h->fd, rel, 0);
	if (r < 0 && r != -ENOENT)
		return -EBUSY;
	/* Parents that were made for it go when nobody else uses them. */
	for (char *slash = strrchr(rel, '/'); slash; slash = strrchr(rel, '/')) {
		*slash = '\0';
		if (str_eq(rel, c->root->base) || unlinkat(h->fd, rel, AT_REMOVEDIR) < 0)
			break;
	}
	return 0;
}

static int each_line(char *text, int (*fn)(pid_t pid, void *data), void *data)
{
	char *save = NULL;
	int r = 0;

	for (char *w = strtok_r(text, "\n", &save); w && r >= 0; w = strtok_r(NULL, "\n", &save)) {
		uint32_t pid;

		/* 0: a process that the caller's pid namespace does not have */
		if (parse_u32(w, 10, &pid) == 0 && pid > 0 && pid <= INT32_MAX)
			r = fn((pid_t)pid, data);
	}
	return r;
}

static int each_proc_below(int parent, const char *name, unsigned int depth,
			   int (*fn)(pid_t pid, void *data), void *data)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	int r = 0;

	if (!d) {
		r = fd < 0 ? -errno : -ENOMEM;
		fd_close(fd);
		return r;
	}
	/* Not readable in a threaded one: its processes are listed above. */
	if (file_read(dirfd(d), "cgroup.procs", 1u << 20, &text, NULL) == 0 && text.len)
		r = each_line(text.buf, fn, data);
	while (r >= 0 && depth < DEPTH_MAX && (e = readdir(d)))
		if (e->d_type == DT_DIR && e->d_name[0] != '.')
			r = each_proc_below(dirfd(d), e->d_name, depth + 1, fn, data);
	closedir(d);
	return r == -ENOENT && depth ? 0 : r; /* one that went meanwhile */
}

int cgroup_each_proc(const struct cgroup *c, const struct hierarchy *h,
		     int (*fn)(pid_t pid, void *data), void *data)
{
	return each_proc_below(h->fd, c->rel, 0, fn, data);
}

/* 1: written; 0: left out. */
static int apply_one(struct cgroup *c, const struct cgroup_setting *s, struct error *err)
{
	size_t len = strcspn(s->file, ".");
	struct hierarchy *h = hierarchies_find(&c->root->h, s->file, len);
	struct error e = ERROR_INIT;
	int r = h ? cgroup_write(c, h, s->file, s->value, &e) : -ENOENT;

	if (r == 0)
		return 1;
	if (r == -ENOENT && (c->root->lenient || s->optional || s->either))
		return 0;
	if (s->optional && (r == -EOPNOTSUPP || r == -EINVAL))
		return 0;
	return error_set(err, r == -ENOENT ? -EOPNOTSUPP : r, "cannot set cgroup %s to \"%s\": %s",
			 s->file, s->value, r == -ENOENT ? "not supported here" : strerror(-r));
}

int cgroup_apply(struct cgroup *c, const struct cgroup_settings *set, struct error *err)
{
	for (size_t i = 0; i < set->n; i++) {
		int r = apply_one(c, &set->v[i], err);

		if (r < 0)
			return r;
		if (r > 0 && set->v[i].either)
			i++;
	}
	return 0;
}
