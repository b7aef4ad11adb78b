/* SPDX-License-Identifier: Apache-2.0 */
#include "container/mount.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "container/copyup.h"
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

int mount_open_source(const char *source, bool recursive, struct error *err)
{
	_cleanup_fd_ int src = -1;
	int tree;

	if (!source || source[0] != '/')
		return error_set(err, -EINVAL, "bind source \"%s\" is not an absolute path",
				 source ? source : "");
	src = open(source, O_PATH | O_CLOEXEC);
	if (src < 0)
		return error_sys(err, -errno, "cannot open source \"%s\"", source);
	tree = tree_clone(src, recursive);
	return tree < 0 ? error_sys(err, tree, "cannot clone source \"%s\"", source) : tree;
}

static int do_bind(const struct mount_env *env, const struct oci_mount *m, const char *source,
		   const struct mount_opts *o, struct error *err)
{
	_cleanup_fd_ int tree = -1, target = -1;
	struct stat st;
	int r;

	tree = env->tree >= 0 ? fcntl(env->tree, F_DUPFD_CLOEXEC, 3)
			      : mount_open_source(source, o->recursive, err);
	if (tree < 0)
		return env->tree >= 0 ? error_sys(err, -errno, "cannot take the source") : tree;
	if (fstat(tree, &st) < 0)
		return error_sys(err, -errno, "cannot look at source \"%s\"", source);
	target = open_target(env, m, S_ISDIR(st.st_mode), err);
	if (target < 0)
		return target;
	r = set_attrs(tree, o->attr_set, o->attr_clr, false);
	if (r == 0)
		r = set_attrs(tree, o->rec_set, o->rec_clr, true);
	if (r < 0)
		return error_sys(err, r, "cannot set mount attributes");
	r = tree_attach(tree, target);
	return r < 0 ? error_sys(err, r, "cannot attach") : 0;
}

static bool is_dev(const char *path)
{
	return str_eq(path, "/dev") || str_eq(path, "/dev/");
}

bool mount_is_sealed_late(const struct oci_mount *m)
{
	bool ro = false;

	if (!str_eq(m->type, "tmpfs") && !is_dev(m->destination))
		return false;
	for (size_t i = 0; i < m->options.n; i++) {
		const char *o = m->options.v[i];

		if (str_eq(o, "bind") || str_eq(o, "rbind"))
			return false;
		ro = str_eq(o, "ro") || (ro && !str_eq(o, "rw"));
	}
	return ro;
}

int mount_seal(int rootfd, const struct oci_mount *m, struct error *err)
{
	_cleanup_fd_ int fd = path_open_in_root(rootfd, m->destination, O_PATH, 0);
	int r = fd < 0 ? fd : set_attrs(fd, MOUNT_ATTR_RDONLY, 0, false);

	return r < 0 ? error_sys(err, r, "mount \"%s\": cannot make it read-only", m->destination)
		     : 0;
}

/* SELinux labels what these hold by the mount option; others have labels of their own, or none. */
static bool takes_context(const char *fstype)
{
	static const char *const types[] = { "tmpfs", "devpts", "mqueue", "ramfs" };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (str_eq(fstype, types[i]))
			return access("/sys/fs/selinux/enforce", F_OK) == 0;
	return false;
}

static int mount_data(const struct mount_env *env, const char *fstype, const struct mount_opts *o,
		      struct strbuf *ret, struct error *err)
{
	int r = o->data ? strbuf_addstr(ret, o->data) : 0;

	if (r == 0 && env->label && *env->label && takes_context(fstype))
		r = strbuf_addf(ret, "%scontext=\"%s\"", ret->len ? "," : "", env->label);
	return r < 0 ? error_oom(err) : 0;
}

/* Options of the superblock go by mount(2); those of recursion and what mount(2) cannot say are set afterwards. */
static int do_filesystem(const struct mount_env *env, const struct oci_mount *m, const char *fstype,
			 const struct mount_opts *o, struct error *err)
{
	_cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
	char path[PATH_FD_MAX];
	_cleanup_fd_ int target = open_target(env, m, true, err), below = -1, now = -1;
	const char *source = m->source && *m->source ? m->source : fstype;
	unsigned long flags = mount_is_sealed_late(m) ? o->flags & ~MS_RDONLY : o->flags;
	int r;

	if (target < 0 || mount_data(env, fstype, o, &data, err) < 0)
		return err->code;
	if (o->copy_up) {
		if (!str_eq(fstype, "tmpfs"))
			return error_set(err, -EINVAL, "\"tmpcopyup\" is for tmpfs, not for %s",
					 fstype);
		below = path_open_in_root(env->rootfd, m->destination, O_RDONLY | O_DIRECTORY, 0);
		if (below < 0)
			return error_sys(err, below, "cannot open what is to be copied");
	}
	if (mount(source, path_of_fd(path, target), fstype, flags, data.len ? data.buf : NULL) < 0)
		return error_sys(err, -errno, "cannot mount %s", fstype);
	if (!o->rec_set && !o->rec_clr && !o->copy_up)
		return 0;
	now = path_open_in_root(env->rootfd, m->destination, O_RDONLY | O_DIRECTORY, 0);
	if (now < 0)
		return error_sys(err, now, "cannot reopen the mount point");
	r = set_attrs(now, o->rec_set, o->rec_clr, true);
	if (r < 0)
		return error_sys(err, r, "cannot set mount attributes");
	return o->copy_up ? copyup(below, now, err) : 0;
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
	if (o.idmap && !o.bind && !str_eq(m->type, "bind"))
		r = error_set(err, -EINVAL, "only bind mounts can be idmapped");
	else if (o.bind || str_eq(m->type, "bind"))
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

/* An empty read-only tmpfs that is mounted nowhere yet. */
static int make_empty(void)
{
	_cleanup_fd_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0 || fsconfig(fs, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) < 0 ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(fs, FSMOUNT_CLOEXEC,
		     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return fd < 0 ? -errno : fd;
}

/*
 * The first directory gets the tmpfs itself, the others copies of it: kernels before 6.15 refuse with EINVAL to copy a mount that is
 * mounted nowhere.
 */
static int mask_directory(int target, int *empty)
{
	int r;

	if (*empty >= 0)
		return mount_bind_fd(*empty, target, false);
	r = make_empty();
	if (r < 0)
		return r;
	*empty = r;
	return tree_attach(*empty, target);
}

/* The maker's /dev/null, and really that: the container's could be anything by now (CVE-2025-31133). */
static int open_null(void)
{
	_cleanup_fd_ int fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return -ENODEV;
	return fd_steal(&fd);
}

int mount_mask(int rootfd, const char *path, int *empty, struct error *err)
{
	_cleanup_fd_ int fd = path_open_in_root(rootfd, path, O_PATH, 0);
	struct stat st;
	int r = 0;

	if (is_missing(fd))
		return 0;
	if (fd < 0)
		return error_sys(err, fd, "masked path \"%s\"", path);
	if (fstat(fd, &st) < 0)
		return error_sys(err, -errno, "masked path \"%s\"", path);
	if (S_ISDIR(st.st_mode)) {
		r = mask_directory(fd, empty);
	} else {
		_cleanup_fd_ int null = open_null();

		r = null < 0 ? null : mount_bind_fd(null, fd, false);
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
