/* SPDX-License-Identifier: Apache-2.0 */
#include "container/devnode.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "container/mount.h"

/* Documentation/admin-guide/devices.txt, major 1 and 5. */
static const struct {
	const char *path;
	uint8_t major, minor;
} default_devices[] = {
	{ "/dev/null", 1, 3 },	 { "/dev/zero", 1, 5 },	   { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 }, { "/dev/urandom", 1, 9 }, { "/dev/tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} dev_links[] = {
	{ "fd", "/proc/self/fd" },	 { "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

static mode_t type_mode(char type)
{
	switch (type) {
	case 'c':
	case 'u':
		return S_IFCHR;
	case 'b':
		return S_IFBLK;
	case 'p':
		return S_IFIFO;
	default:
		return 0;
	}
}

/* The directory that the node goes into. */
static int open_parent(int rootfd, const char *path, struct error *err)
{
	_cleanup_free_ char *dir = strndup(path, (size_t)(path_base(path) - path));
	int fd;

	if (!dir)
		return error_oom(err);
	fd = path_mkdir_in_root(rootfd, *dir ? dir : "/", 0755);
	return fd < 0 ? error_sys(err, fd, "device \"%s\"", path) : fd;
}

static int bind_node(int rootfd, const struct oci_device *d)
{
	_cleanup_fd_ int target = path_mkfile_in_root(rootfd, d->path, 0666);
	_cleanup_fd_ int src = open(d->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (src < 0)
		return -errno;
	if (target < 0)
		return target;
	if (fstat(src, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IFMT) != type_mode(d->type) ||
	    st.st_rdev != makedev((unsigned int)d->major, (unsigned int)d->minor))
		return -EPERM;
	return mount_bind_fd(src, target, false);
}

static int make_node(int rootfd, const struct oci_device *d, mode_t perm, struct error *err)
{
	mode_t mode = type_mode(d->type);
	const char *name = path_base(d->path);
	_cleanup_fd_ int dir = -1;
	dev_t rdev = makedev((unsigned int)d->major, (unsigned int)d->minor);
	struct stat st;

	if (!mode || !*name)
		return error_set(err, -EINVAL, "device \"%s\": bad type or name", d->path);
	dir = open_parent(rootfd, d->path, err);
	if (dir < 0)
		return dir;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if ((st.st_mode & S_IFMT) == mode && (mode == S_IFIFO || st.st_rdev == rdev))
			return 0;
		if (unlinkat(dir, name, 0) < 0)
			return error_sys(err, -errno, "device \"%s\": cannot replace", d->path);
	}
	if (mknodat(dir, name, mode | perm, rdev) < 0) {
		int r = -errno;

		if (r == -EPERM)
			r = bind_node(rootfd, d);
		return r < 0 ? error_sys(err, r, "device \"%s\": mknod", d->path) : 0;
	}
	if (fchownat(dir, name, d->has_uid ? d->uid : 0, d->has_gid ? d->gid : 0,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return error_sys(err, -errno, "device \"%s\": chown", d->path);
	return 0;
}

static int make_links(int rootfd, struct error *err)
{
	_cleanup_fd_ int dir = path_mkdir_in_root(rootfd, "/dev", 0755);

	if (dir < 0)
		return error_sys(err, dir, "cannot open /dev");
	for (size_t i = 0; i < ARRAY_SIZE(dev_links); i++) {
		if (str_eq(dev_links[i].name, "ptmx"))
			unlinkat(dir, "ptmx",
				 0); /* an image's own node would be of the wrong devpts */
		if (symlinkat(dev_links[i].target, dir, dev_links[i].name) < 0 && errno != EEXIST)
			return error_sys(err, -errno, "cannot link /dev/%s", dev_links[i].name);
	}
	return 0;
}

int devnode_populate(int rootfd, const struct oci_linux *l, struct error *err)
{
	mode_t old = umask(0);
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(default_devices); i++) {
		const struct oci_device d = { .path = (char *)default_devices[i].path,
					      .type = 'c',
					      .major = default_devices[i].major,
					      .minor = default_devices[i].minor };

		r = make_node(rootfd, &d, 0666, err);
	}
	for (size_t i = 0; r == 0 && i < l->n_devices; i++) {
		const struct oci_device *d = &l->devices[i];

		if (!d->path || d->path[0] != '/')
			r = error_set(err, -EINVAL, "linux.devices[%zu]: path is not absolute", i);
		else
			r = make_node(rootfd, d, d->has_file_mode ? d->file_mode & 07777 : 0666,
				      err);
	}
	if (r == 0)
		r = make_links(rootfd, err);
	umask(old);
	return r;
}

bool devnode_dev_is_bound(const struct oci_spec *spec)
{
	for (size_t i = 0; i < spec->n_mounts; i++) {
		const struct oci_mount *m = &spec->mounts[i];
		bool bind = str_eq(m->type, "bind");

		for (size_t k = 0; k < m->options.n; k++)
			bind |= str_eq(m->options.v[k], "bind") || str_eq(m->options.v[k], "rbind");
		if (bind && (str_eq(m->destination, "/dev") || str_eq(m->destination, "/dev/")))
			return true;
	}
	return false;
}
