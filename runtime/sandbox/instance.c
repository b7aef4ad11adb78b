/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/instance.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "sandbox/state.h"

#define LOCK_FILE	 "lock"
#define ROOT_DEFAULT	 "/run/kata-containers"
#define KILL_WAIT_MS	 10000
#define DESTROY_WAIT_MS	 15000
#define DESTROY_PAUSE_NS 5000000L

static int default_root(char **ret)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (geteuid() == 0)
		*ret = strdup(ROOT_DEFAULT);
	else if (xdg && xdg[0] == '/')
		*ret = path_join(xdg, "kata-containers");
	else
		*ret = str_printf("/tmp/kata-containers-%u", (unsigned)geteuid());
	return *ret ? 0 : -ENOMEM;
}

int instance_root(const char *option, char **ret, struct error *err)
{
	_cleanup_free_ char *root = NULL;
	struct stat st;
	int r;

	if (option)
		root = path_absolute(option);
	else if (default_root(&root) < 0)
		root = NULL;
	if (!root)
		return error_oom(err);
	r = file_mkdir_p(AT_FDCWD, root, 0700, err);
	if (r < 0)
		return r;
	if (lstat(root, &st) < 0)
		return error_sys(err, -errno, "%s", root);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return error_set(err, -EPERM, "%s: not a directory of uid %u", root,
				 (unsigned)geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return error_set(err, -EPERM, "%s: others may write to it (mode %04o)", root,
				 (unsigned)(st.st_mode & 07777));
	*ret = steal_ptr(root);
	return 0;
}

void instance_release(struct instance *i)
{
	free(i->root);
	free(i->id);
	free(i->dir);
	i->root = i->id = i->dir = NULL;
	i->dirfd = fd_close(i->dirfd);
	i->lockfd = fd_close(i->lockfd);
}

static int set_names(struct instance *i, const char *root, const char *id, struct error *err)
{
	*i = (struct instance)INSTANCE_INIT;
	if (!path_valid_id(id))
		return error_set(err, -EINVAL,
				 "invalid container id \"%.64s\": letters, digits and _.- are "
				 "allowed, the first a letter or digit",
				 id);
	i->root = strdup(root);
	i->id = strdup(id);
	i->dir = path_join(root, id);
	return i->root && i->id && i->dir ? 0 : error_oom(err);
}

static int open_dir(struct instance *i, struct error *err)
{
	i->dirfd = open(i->dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (i->dirfd >= 0)
		return 0;
	if (errno == ENOENT)
		return error_set(err, -ENOENT, "container \"%s\" does not exist", i->id);
	return error_sys(err, -errno, "%s", i->dir);
}

int instance_create(struct instance *i, const char *root, const char *id, struct error *err)
{
	int r = set_names(i, root, id, err);

	if (r < 0)
		return r;
	if (mkdir(i->dir, 0700) < 0) {
		if (errno == EEXIST)
			return error_set(err, -EEXIST, "container \"%s\" exists already", id);
		return error_sys(err, -errno, "%s", i->dir);
	}
	r = open_dir(i, err);
	if (r < 0)
		return r;
	i->lockfd = openat(i->dirfd, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (i->lockfd < 0)
		return error_sys(err, -errno, "%s/%s", i->dir, LOCK_FILE);
	/* Another process may have begun to remove the new directory: then it holds the lock for a moment. */
	if (flock(i->lockfd, LOCK_EX | LOCK_NB) < 0)
		return error_sys(err, -errno, "%s/%s", i->dir, LOCK_FILE);
	return 0;
}

int instance_open(struct instance *i, const char *root, const char *id, struct error *err)
{
	int r = set_names(i, root, id, err);

	return r < 0 ? r : open_dir(i, err);
}

int instance_adopt(struct instance *i, const char *root, const char *id, int lockfd,
		   struct error *err)
{
	int r = instance_open(i, root, id, err);

	if (r < 0)
		return r;
	if (fd_set_cloexec(lockfd, true) < 0 || flock(lockfd, LOCK_EX | LOCK_NB) < 0)
		return error_sys(err, -errno, "%s: lock descriptor %d", i->dir, lockfd);
	i->lockfd = lockfd;
	return 0;
}

/* 0: taken now; -EWOULDBLOCK: somebody has it. A directory without a lock file belongs to nobody. */
static int try_lock(struct instance *i)
{
	_cleanup_fd_ int fd = openat(i->dirfd, LOCK_FILE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	i->lockfd = fd_steal(&fd);
	return 0;
}

bool instance_alive(const struct instance *i)
{
	struct instance probe = INSTANCE_INIT;
	int r;

	probe.dirfd = i->dirfd;
	r = try_lock(&probe);
	fd_close(probe.lockfd);
	return r == -EWOULDBLOCK;
}

int instance_kill_process(pid_t pid, uint64_t start, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct pollfd p = { .events = POLLIN };

	if (pid <= 1)
		return 0;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return errno == ESRCH ? 0 : error_sys(err, -errno, "process %d", (int)pid);
	if (process_start_time(pid) != start)
		return 0; /* another one has the number now */
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return error_sys(err, -errno, "cannot kill process %d", (int)pid);
	p.fd = fd;
	if (poll(&p, 1, KILL_WAIT_MS) == 0)
		return error_set(err, -ETIMEDOUT, "process %d does not die", (int)pid);
	return 0;
}

/* Kills the processes that state.json names; a missing or damaged file names none. */
static int kill_named(struct instance *i, struct error *err)
{
	_cleanup_state_ struct state s;
	int r;

	state_init(&s);
	if (state_read(i->dirfd, &s, NULL) < 0)
		return 0;
	r = instance_kill_process(s.engine.pid, s.engine.start, err);
	if (r == 0)
		r = instance_kill_process(s.hypervisor.pid, s.hypervisor.start, err);
	if (r == 0)
		r = instance_kill_process(s.virtiofsd.pid, s.virtiofsd.start, err);
	return r;
}

int instance_remove(struct instance *i, struct error *err)
{
	return file_remove_tree(AT_FDCWD, i->dir, err);
}

int instance_destroy(struct instance *i, struct error *err)
{
	uint64_t end = time_mono_usec() + DESTROY_WAIT_MS * USEC_PER_MSEC;
	int r;

	for (;;) {
		r = kill_named(i, err);
		if (r < 0)
			return r;
		r = try_lock(i);
		if (r == 0)
			break;
		if (r != -EWOULDBLOCK)
			return error_sys(err, r, "%s/%s", i->dir, LOCK_FILE);
		if (time_mono_usec() > end)
			return error_set(err, -ETIMEDOUT,
					 "container \"%s\": somebody still holds %s/%s", i->id,
					 i->dir, LOCK_FILE);
		nanosleep(&(struct timespec){ 0, DESTROY_PAUSE_NS }, NULL);
	}
	/* The engine may have written its last state between the look at it and its end. */
	r = kill_named(i, err);
	return r < 0 ? r : instance_remove(i, err);
}

static int is_id(const struct dirent *d)
{
	return path_valid_id(d->d_name);
}

int instance_list(const char *root, struct strv *ids, struct error *err)
{
	struct dirent **names = NULL;
	int n = scandir(root, &names, is_id, alphasort), r = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : error_sys(err, -errno, "%s", root);
	for (int i = 0; i < n; i++) {
		if (r == 0 && strv_add(ids, names[i]->d_name) < 0)
			r = error_oom(err);
		free(names[i]);
	}
	free(names);
	return r;
}
