/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/cgroup.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/strv.h"
#include "cgroup/convert.h"
#include "cgroup/devfilter.h"

#define CGROUP_FILE_MAX 65536 /* bytes of a control file that are read */

struct cgroup_root {
	char *mount;
	int fd;
	bool lenient;
};

struct cgroup {
	struct cgroup_root *root;
	char *rel;  /* below the root's mount point */
	char *path; /* absolute */
	int fd;
};

int cgroup_root_open(bool lenient, struct cgroup_root **ret)
{
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct cgroup_root *r;
		struct statfs st;

		if (statfs(places[i], &st) < 0 || (uint32_t)st.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		r = new0(struct cgroup_root);
		if (!r || !(r->mount = strdup(places[i]))) {
			free(r);
			return -ENOMEM;
		}
		r->lenient = lenient;
		r->fd = open(places[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r->fd < 0) {
			int e = -errno;

			cgroup_root_free(r);
			return e;
		}
		*ret = r;
		return 0;
	}
	return -ENOENT;
}

struct cgroup_root *cgroup_root_free(struct cgroup_root *r)
{
	if (!r)
		return NULL;
	fd_close(r->fd);
	free(r->mount);
	free(r);
	return NULL;
}

/* Lets the children of dirfd use every controller that it has. One at a time: one that cannot must not stop the others. */
static void enable_controllers(int dirfd)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	char *save = NULL;

	if (file_read(dirfd, "cgroup.controllers", CGROUP_FILE_MAX, &list, NULL) < 0 || !list.len)
		return;
	for (char *w = strtok_r(list.buf, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		char text[64];

		snprintf(text, sizeof(text), "+%s", w);
		file_write_existing(dirfd, "cgroup.subtree_control", text, NULL);
	}
}

/* Makes the directories one by one, handing the controllers down. */
static int make_dirs(struct cgroup_root *root, const char *rel, struct error *err)
{
	_cleanup_free_ char *copy = strdup(rel);
	_cleanup_fd_ int dir = fcntl(root->fd, F_DUPFD_CLOEXEC, 3);
	char *save = NULL;

	if (!copy || dir < 0)
		return error_oom(err);
	for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
		int next;

		enable_controllers(dir);
		if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
			return error_sys(err, -errno, "cannot make cgroup \"/%s\"", rel);
		next = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return error_sys(err, -errno, "cannot open cgroup \"/%s\"", rel);
		fd_close(dir);
		dir = next;
	}
	return fd_steal(&dir);
}

int cgroup_create(struct cgroup_root *root, const char *path, const char *id,
		  const struct oci_resources *resources, struct cgroup **ret, struct error *err)
{
	struct cgroup *c = new0(struct cgroup);
	int r;

	if (!c)
		return error_oom(err);
	c->root = root;
	c->fd = -1;
	c->rel = cgroup_clean_path(path, id);
	c->path = c->rel ? path_join(root->mount, c->rel) : NULL;
	if (!c->path) {
		cgroup_remove(c);
		return error_oom(err);
	}
	r = make_dirs(root, c->rel, err);
	if (r >= 0) {
		c->fd = r;
		r = resources ? cgroup_update(c, resources, err) : 0;
		if (r == 0 && resources && resources->n_devices)
			r = devfilter_attach(c->fd, resources->devices, resources->n_devices, err);
	}
	if (r < 0) {
		cgroup_remove(c);
		return r;
	}
	*ret = c;
	return 0;
}

int cgroup_update(struct cgroup *c, const struct oci_resources *resources, struct error *err)
{
	_cleanup_strv_ struct strv set = STRV_INIT;
	int r = cgroup_settings(resources, &set, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i + 1 < set.n; i += 2) {
		struct error e = ERROR_INIT;

		r = file_write_existing(c->fd, set.v[i], set.v[i + 1], &e);
		if (r == 0 || (r == -ENOENT && c->root->lenient))
			continue;
		/* Without swap in the kernel there is no swap to limit. */
		if (r == -ENOENT && str_eq(set.v[i], "memory.swap.max"))
			continue;
		return error_set(err, r == -ENOENT ? -EOPNOTSUPP : r,
				 "cannot set cgroup %s to \"%s\": %s", set.v[i], set.v[i + 1],
				 strerror(-r));
	}
	return 0;
}

struct cgroup *cgroup_close(struct cgroup *c)
{
	if (c) {
		fd_close(c->fd);
		free(c->rel);
		free(c->path);
		free(c);
	}
	return NULL;
}

int cgroup_open(struct cgroup_root *root, const char *name, struct cgroup **ret, struct error *err)
{
	struct cgroup *c = new0(struct cgroup);
	int r;

	if (!c)
		return error_oom(err);
	c->root = root;
	c->fd = -1;
	c->rel = cgroup_clean_path(name, name);
	c->path = c->rel ? path_join(root->mount, c->rel) : NULL;
	if (!c->path) {
		cgroup_close(c);
		return error_oom(err);
	}
	c->fd = openat(root->fd, c->rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (c->fd < 0) {
		r = error_sys(err, -errno, "cgroup \"/%s\"", c->rel);
		cgroup_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

const char *cgroup_name(const struct cgroup *c)
{
	return c->rel;
}

int cgroup_add(struct cgroup *c, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	if (file_write_existing(c->fd, "cgroup.procs", text, err) < 0)
		return error_prefix(err, "cannot move process %s into cgroup \"/%s\"", text,
				    c->rel);
	return 0;
}

void cgroup_remove(struct cgroup *c)
{
	if (!c)
		return;
	if (c->fd >= 0) {
		cgroup_kill(c);
		/* Dying processes may hold it for a moment. Parents go too when they are empty, up to the root. */
		for (int i = 0;
		     i < 50 && unlinkat(c->root->fd, c->rel, AT_REMOVEDIR) < 0 && errno == EBUSY;
		     i++)
			usleep(1000);
		for (char *slash = strrchr(c->rel, '/'); slash; slash = strrchr(c->rel, '/')) {
			*slash = '\0';
			if (unlinkat(c->root->fd, c->rel, AT_REMOVEDIR) < 0)
				break;
		}
	}
	cgroup_close(c);
}

int cgroup_fd(const struct cgroup *c)
{
	return c->fd;
}

const char *cgroup_path(const struct cgroup *c)
{
	return c->path;
}

int cgroup_kill(struct cgroup *c)
{
	return file_write_existing(c->fd, "cgroup.kill", "1", NULL);
}

int cgroup_freeze(struct cgroup *c, bool frozen, struct error *err)
{
	return file_write_existing(c->fd, "cgroup.freeze", frozen ? "1" : "0", err);
}

uint64_t cgroup_read_u64(const struct cgroup *c, const char *file, const char *key)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	size_t klen = key ? strlen(key) : 0;
	char *save = NULL;
	uint64_t v;

	if (file_read(c->fd, file, CGROUP_FILE_MAX, &text, NULL) < 0 || !text.len)
		return 0;
	for (char *line = strtok_r(text.buf, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (key && (strncmp(line, key, klen) != 0 || line[klen] != ' '))
			continue;
		if (str_eq(line + (key ? klen + 1 : 0), "max"))
			return UINT64_MAX;
		return parse_u64(line + (key ? klen + 1 : 0), 10, &v) == 0 ? v : 0;
	}
	return 0;
}
