/* SPDX-License-Identifier: Apache-2.0 */
#include "container/rootfs.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "container/devnode.h"
#include "container/mount.h"
#include "container/mountopt.h"

static int propagation_of(const struct oci_spec *spec, unsigned long *ret, struct error *err)
{
	const char *word = spec->linux_.rootfs_propagation;

	*ret = 0;
	if (!word || !*word || mount_propagation_parse(word, ret) == 0)
		return 0;
	return error_set(err, -EINVAL, "linux.rootfsPropagation: unknown value \"%s\"", word);
}

int rootfs_begin(struct rootfs *r, const struct oci_spec *spec, const char *path, struct error *err)
{
	unsigned long prop;

	if (propagation_of(spec, &prop, err) < 0)
		return err->code;
	/*
	 * "shared" is what the container's own mounts shall be, set at the end. Towards the agent the tree is always cut: what the agent
	 * mounts later in a shared directory must arrive (slave), what the container mounts must not leak (so never shared).
	 */
	if (mount(NULL, "/", NULL, MS_REC | ((prop & MS_PRIVATE) ? MS_PRIVATE : MS_SLAVE), NULL) <
	    0)
		return error_sys(err, -errno, "cannot set propagation of the mount namespace");
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return error_sys(err, -errno, "root \"%s\": cannot bind", path);
	/* pivot_root refuses a root whose parent mount is shared; it is a slave or private by now. */
	r->path = path;
	r->fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r->fd < 0)
		return error_sys(err, -errno, "root \"%s\"", path);
	return 0;
}

int rootfs_populate(struct rootfs *r, const struct oci_spec *spec, const struct rootfs_env *env,
		    struct error *err)
{
	struct mount_env me = { .rootfd = r->fd,
				.cgroup_ns = env->cgroup_ns,
				.cgroup_path = env->cgroup_path,
				.label = spec->linux_.mount_label };
	const char *cwd = spec->process ? spec->process->cwd : NULL;

	for (size_t i = 0; i < spec->n_mounts; i++) {
		me.tree = env->trees ? env->trees[i] : -1;
		if (mount_one(&me, &spec->mounts[i], err) < 0)
			return err->code;
	}
	if (!devnode_dev_is_bound(spec) && devnode_populate(r->fd, &spec->linux_, err) < 0)
		return err->code;
	if (cwd && *cwd) {
		/* Made as other runtimes do; whether it can be entered is seen later, as the user. */
		int fd = path_mkdir_in_root(r->fd, cwd, 0755);

		fd_close(fd);
	}
	return 0;
}

int rootfs_seal(struct rootfs *r, const struct oci_spec *spec, struct error *err)
{
	const struct oci_linux *l = &spec->linux_;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	_cleanup_fd_ int empty = -1;

	for (size_t i = 0; i < spec->n_mounts; i++)
		if (mount_is_sealed_late(&spec->mounts[i]) &&
		    mount_seal(r->fd, &spec->mounts[i], err) < 0)
			return err->code;
	for (size_t i = 0; i < l->readonly_paths.n; i++)
		if (mount_readonly(r->fd, l->readonly_paths.v[i], err) < 0)
			return err->code;
	for (size_t i = 0; i < l->masked_paths.n; i++)
		if (mount_mask(r->fd, l->masked_paths.v[i], &empty, err) < 0)
			return err->code;
	if (spec->root_readonly && mount_setattr(r->fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return error_sys(err, -errno, "cannot make the root read-only");
	return 0;
}

/*
 * The initial ramfs cannot be pivoted away (fs/namespace.c, pivot_root: "not attached"), so its root is covered instead. The
 * kernel file systems of the agent are taken off before, since what is covered could be found again by a process that may chroot.
 */
static int enter_by_move(struct error *err)
{
	static const char *const agent_mounts[] = { "/proc", "/sys", "/dev" };

	for (size_t i = 0; i < ARRAY_SIZE(agent_mounts); i++)
		umount2(agent_mounts[i], MNT_DETACH);
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return error_sys(err, -errno, "cannot move the root");
	if (chroot(".") < 0)
		return error_sys(err, -errno, "cannot chroot");
	return 0;
}

static bool root_is_ramfs(void)
{
	struct statfs st;

	/* linux/magic.h; an initramfs is either of these. */
	return statfs("/", &st) == 0 &&
	       ((uint32_t)st.f_type == RAMFS_MAGIC || (uint32_t)st.f_type == TMPFS_MAGIC);
}

int rootfs_enter(struct rootfs *r, const struct oci_spec *spec, const struct rootfs_env *env,
		 struct error *err)
{
	_cleanup_fd_ int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned long prop;

	if (propagation_of(spec, &prop, err) < 0)
		return err->code;
	if (old < 0 || fchdir(r->fd) < 0)
		return error_sys(err, -errno, "root \"%s\"", r->path);
	/* With the same directory for both, the old root ends up on top of the new one and is taken off (pivot_root(2), NOTES). */
	if (env->no_pivot) {
		if (enter_by_move(err) < 0)
			return err->code;
	} else if (syscall(SYS_pivot_root, ".", ".") == 0) {
		/* Nothing of what is detached may reach the agent's mounts; those of the container keep their propagation. */
		if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
		    umount2(".", MNT_DETACH) < 0)
			return error_sys(err, -errno, "cannot leave the old root");
	} else if (errno == EINVAL && root_is_ramfs()) {
		if (enter_by_move(err) < 0)
			return err->code;
	} else {
		return error_sys(err, -errno, "pivot_root to \"%s\"", r->path);
	}
	if (chdir("/") < 0)
		return error_sys(err, -errno, "cannot enter the new root");
	if (prop && mount(NULL, "/", NULL, prop, NULL) < 0)
		return error_sys(err, -errno, "linux.rootfsPropagation");
	return 0;
}

int rootfs_sysctl(const struct oci_linux *l, struct error *err)
{
	for (size_t i = 0; i < l->n_sysctl; i++) {
		const char *key = l->sysctl[i].key, *value = l->sysctl[i].value;
		_cleanup_free_ char *path = NULL;

		if (!key || !*key || strstr(key, "..") || key[0] == '/')
			return error_set(err, -EINVAL, "linux.sysctl: bad name \"%s\"",
					 key ? key : "");
		path = str_printf("/proc/sys/%s", key);
		if (!path)
			return error_oom(err);
		/* Either spelling: "net.ipv4.ip_forward" or, where a part holds a dot, "net/ipv4/conf/eth0.1/...". */
		if (!strchr(key, '/'))
			for (char *p = path + strlen("/proc/sys/"); *p; p++)
				if (*p == '.')
					*p = '/';
		if (file_write_existing(AT_FDCWD, path, value ? value : "", err) < 0)
			return error_prefix(err, "linux.sysctl \"%s\"", key);
	}
	return 0;
}
