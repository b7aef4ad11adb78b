/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/share.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "storage/guest_paths.h"

#define SHARE_NAME_SHOWN 100 /* bytes of a source's name in the shared directory */

int share_unshare(struct error *err)
{
	if (unshare(CLONE_NEWNS) < 0)
		return error_sys(err, -errno, "private mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return error_sys(err, -errno, "private mount namespace: /");
	return 0;
}

int share_open(struct share *s, const char *dir, struct error *err)
{
	_cleanup_free_ char *copy = strdup(dir);
	int r;

	if (!copy)
		return error_oom(err);
	r = file_mkdir_p(AT_FDCWD, dir, 0700, err);
	if (r < 0)
		return r;
	/* A mount point of its own, shared, so that what is bound later reaches virtiofsd's namespace. */
	if (mount(dir, dir, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, dir, NULL, MS_SHARED, NULL) < 0) {
		r = error_sys(err, -errno, "%s", dir);
		umount2(dir, MNT_DETACH);
		return r;
	}
	s->dir = steal_ptr(copy);
	return 0;
}

void share_close(struct share *s)
{
	if (!s->dir)
		return;
	umount2(s->dir, MNT_DETACH);
	/* Stays on its file system, so it never walks into something that is still bound. */
	file_remove_tree(AT_FDCWD, s->dir, NULL);
	free(s->dir);
	s->dir = NULL;
}

/* Makes the target (a directory or an empty file) and binds. */
static int bind_to(const char *source, const char *target, bool is_dir, bool readonly,
		   bool recursive, struct error *err)
{
	unsigned long flags = MS_BIND | (recursive ? MS_REC : 0);
	int r;

	if (is_dir) {
		r = file_mkdir_p(AT_FDCWD, target, 0755, err);
		if (r < 0)
			return r;
	} else {
		int fd = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

		if (fd < 0)
			return error_sys(err, -errno, "%s", target);
		fd_close(fd);
	}
	if (mount(source, target, NULL, flags, NULL) < 0)
		return error_sys(err, -errno, "cannot bind %s to %s", source, target);
	if (mount(NULL, target, NULL, MS_SLAVE | (recursive ? MS_REC : 0), NULL) < 0)
		return error_sys(err, -errno, "%s", target);
	if (readonly && mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return error_sys(err, -errno, "cannot make %s read-only", target);
	return 0;
}

int share_add_rootfs(struct share *s, const char *cid, const char *rootfs, bool readonly,
		     struct error *err)
{
	_cleanup_free_ char *target = str_printf("%s/%s/rootfs", s->dir, cid);
	struct stat st;

	if (!target)
		return error_oom(err);
	if (stat(rootfs, &st) < 0)
		return error_sys(err, -errno, "root file system %s", rootfs);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, -ENOTDIR, "root file system %s: not a directory", rootfs);
	return bind_to(rootfs, target, true, readonly, true, err);
}

int share_add_mount(struct share *s, const char *cid, const char *source, bool readonly,
		    bool recursive, char **ret_guest, struct error *err)
{
	_cleanup_free_ char *target = NULL, *guest = NULL;
	char hex[17];
	uint8_t rnd[8];
	struct stat st;
	int r;

	if (stat(source, &st) < 0)
		return error_sys(err, -errno, "%s", source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return error_set(err, -EOPNOTSUPP,
				 "%s: only directories and regular files can be shared", source);
	if (getrandom(rnd, sizeof(rnd), 0) != sizeof(rnd))
		return error_sys(err, -errno, "random bytes");
	hex_encode(hex, rnd, sizeof(rnd));
	/* The source's name is there for people; all of it may be too long for a name. */
	target = str_printf("%s/%s-%s-%.*s", s->dir, cid, hex, SHARE_NAME_SHOWN, path_base(source));
	guest = target ? str_printf("%s/%s", GUEST_SHARED_DIR, path_base(target)) : NULL;
	if (!guest)
		return error_oom(err);
	r = bind_to(source, target, S_ISDIR(st.st_mode), readonly, recursive, err);
	if (r < 0)
		return r;
	*ret_guest = steal_ptr(guest);
	return 0;
}

/* Whether a name in the shared directory belongs to the container: "<cid>" or "<cid>-<16 hex>-...". */
static bool belongs(const char *name, const char *cid)
{
	const char *rest = str_after(name, cid);

	if (!rest)
		return false;
	return !*rest ||
	       (rest[0] == '-' && strspn(rest + 1, "0123456789abcdef") == 16 && rest[17] == '-');
}

void share_remove(struct share *s, const char *cid)
{
	struct dirent *d;
	DIR *dir;

	if (!s->dir)
		return;
	dir = opendir(s->dir);
	if (!dir)
		return;
	while ((d = readdir(dir)) != NULL) {
		_cleanup_free_ char *path = NULL, *rootfs = NULL;

		if (!belongs(d->d_name, cid))
			continue;
		path = path_join(s->dir, d->d_name);
		rootfs = path ? path_join(path, "rootfs") : NULL;
		if (!rootfs)
			continue;
		umount2(rootfs, MNT_DETACH | UMOUNT_NOFOLLOW);
		umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
		file_remove_tree(AT_FDCWD, path, NULL);
	}
	closedir(dir);
}
