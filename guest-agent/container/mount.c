/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "container/mountopt.h"

static int tree_clone(int src, bool recursive)
{
	unsigned int flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
	int fd = open_tree(src, "", flags | (recursive ? AT_RECURSIVE : 0));

	return fd < 0 ? -errno : fd;
}

static int tree_attach(int tree, int target)
{
	return move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
			       0
		       ? -errno
		       : 0;
}

static int set_attrs(int fd, uint64_t set, uint64_t clr, bool recursive)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clr };

	if (!set && !clr)
		return 0;
	return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &attr,
			     sizeof(attr)) < 0
		       ? -errno
		       : 0;
}

int mount_bind_fd(int src, int target, bool recursive)
{
	_cleanup_fd_ int tree = tree_clone(src, recursive);

	return tree < 0 ? tree : tree_attach(tree, target);
}

/* The destination as a descriptor, made as a directory or an empty file. */
static int open_target(const struct mount_env *env, const struct oci_mount *m, bool dir,
		       struct error *err)
{
	int fd = dir ? path_mkdir_in_root(env->rootfd, m->destination, 0755)
		     : path_mkfile_in_root(env->rootfd, m->destination, 0755);

	if (fd < 0)
		return error_sys(err, fd, "cannot make the mount point");
	return fd;
}

/* What is mounted at the destination now: the old descriptor still refers to what is below. */
static int reopen(const struct mount_env *env, const struct oci_mount *m)
{
	return path_open_in_root(env->rootfd, m->destination, O_PATH, 0);
}

static int apply_propagation(const struct mount_env *env, const struct oci_mount *m,
			     const struct mount_opts *o, struct error *err)
{
	char path[PATH_FD_MAX];
	_cleanup_fd_ int fd = -1;

	if (!o->propagation)
		return 0;
	fd = reopen(env, m);
	if (fd < 0)
		return error_sys(err, fd, "cannot reopen the mount point");
	if (mount(NULL, path_of_fd(path, fd), NULL, o->propagation, NULL) < 0)
		return error_sys(err, -errno, "cannot set propagation");
	return 0;
}

static int do_bind(const struct mount_env *env, const struct oci_mount *m, const char *source,
		   const struct mount_opts *o, struct error *err)
{
	_cleanup_fd_ int src = -1, tree = -1, target = -1;
	struct stat st;
	int r;

	if (!source || source[0] != '/')
		return error_set(err, -EINVAL, "bind source \"%s\" is not an absolute path",
				 source ? source : "");
	src = open(source, O_PATH | O_CLOEXEC);
	if (src < 0 || fstat(src, &st) < 0)
		return error_sys(err, -errno, "cannot open source \"%s\"", source);
	target = open_target(env, m, S_ISDIR(st.st_mode), err);
	if (target < 0)
		return target;
	tree = tree_clone(src, o->recursive);
	if (tree < 0)
		return error_sys(err, tree, "cannot clone source \"%s\"", source);
	r = set_attrs(tree, o->attr_set, o->attr_clr, false);
	if (r == 0)
		r = set_attrs(tree, o->rec_set, o->rec_clr, true);
	if (r < 0)
		return error_sys(err, r, "cannot set mount attributes");
	r = tree_attach(tree, target);
	return r < 0 ? error_sys(err, r, "cannot attach") : 0;
}

static int do_filesystem(const struct mount_env *env, const struct oci_mount *m, const char *fstype,
			 const struct mount_opts *o, struct error *err)
{
	char path[PATH_FD_MAX];
	_cleanup_fd_ int target = open_target(env, m, true, err);
	const char *source = m->source && *m->source ? m->source : fstype;

	if (target < 0)
		return target;
	if (mount(source, path_of_fd(path, target), fstype, o->flags, o->data) < 0)
		return error_sys(err, -errno, "cannot mount %s", fstype);
	return 0;
}

static int do_cgroup(const struct mount_env *env, const struct oci_mount *m, struct mount_opts *o,
		     struct error *err)
{
	if (env->cgroup_ns) {
		/* Options of the first hierarchy (a controller's name) mean nothing to the second. */
		struct mount_opts plain = *o;

		plain.data = NULL;
		return do_filesystem(env, m, "cgroup2", &plain, err);
	}
	if (!env->cgroup_path)
		return error_set(err, -EOPNOTSUPP, "no cgroup version 2 hierarchy here");
	return do_bind(env, m, env->cgroup_path, o, err);
}

int mount_one(const struct mount_env *env, const struct oci_mount *m, struct error *err)
{
	struct mount_opts o;
	int r;

	if (!m->destination || m->destination[0] != '/')
		return error_set(err, -EINVAL, "mount destination \"%s\" is not an absolute path",
				 m->destination ? m->destination : "");
	r = mount_opts_parse(m->options.v, m->options.n, &o, err);
	if (r < 0)
		return error_prefix(err, "mount \"%s\"", m->destination);
	if (o.bind || str_eq(m->type, "bind"))
		r = do_bind(env, m, m->source, &o, err);
	else if (str_eq(m->type, "cgroup") || str_eq(m->type, "cgroup2"))
		r = do_cgroup(env, m, &o, err);
	else if (!m->type || !*m->type)
		r = error_set(err, -EINVAL, "no type and no \"bind\" option");
	else
		r = do_filesystem(env, m, m->type, &o, err);
	if (r == 0)
		r = apply_propagation(env, m, &o, err);
	mount_opts_release(&o);
	return r < 0 ? error_prefix(err, "mount \"%s\"", m->destination) : 0;
}

static bool is_missing(int r)
{
	return r == -ENOENT || r == -ENOTDIR;
}

int mount_mask(int rootfd, const char *path, struct error *err)
{
	_cleanup_fd_ int fd = path_open_in_root(rootfd, path, O_PATH, 0);
	char target[PATH_FD_MAX];
	struct stat st;
	int r = 0;

	if (is_missing(fd))
		return 0;
	if (fd < 0)
		return error_sys(err, fd, "masked path \"%s\"", path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "masked path \"%s\"", path);
	if (S_ISDIR(st.st_mode)) {
		if (mount("tmpfs", path_of_fd(target, fd), "tmpfs", MS_RDONLY, "size=0k") < 0)
			r = -errno;
	} else {
		_cleanup_fd_ int null = open("/dev/null", O_PATH | O_CLOEXEC);

		r = null < 0 ? -errno : mount_bind_fd(null, fd, false);
	}
	return r < 0 ? error_sys(err, r, "masked path \"%s\"", path) : 0;
}

int mount_readonly(int rootfd, const char *path, struct error *err)
{
	_cleanup_fd_ int fd = path_open_in_root(rootfd, path, O_PATH, 0);
	_cleanup_fd_ int tree = -1;
	int r;

	if (is_missing(fd))
		return 0;
	if (fd < 0)
		return error_sys(err, fd, "read-only path \"%s\"", path);
	tree = tree_clone(fd, true);
	r = tree < 0 ? tree : set_attrs(tree, MOUNT_ATTR_RDONLY, 0, true);
	if (r == 0)
		r = tree_attach(tree, fd);
	return r < 0 ? error_sys(err, r, "read-only path \"%s\"", path) : 0;
}
