/* SPDX-License-Identifier: Apache-2.0 */
#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"

/* As the kernel's MAXSYMLINKS (include/linux/namei.h). */
#define MAX_LINKS 40

const char *path_of_fd(char buf[PATH_FD_MAX], int fd)
{
	snprintf(buf, PATH_FD_MAX, "/proc/self/fd/%d", fd);
	return buf;
}

static int open_with_openat2(int rootfd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)flags | O_CLOEXEC,
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};

	for (int tries = 0;; tries++) {
		long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		/* EAGAIN: a rename raced with a ".." of ours; the kernel asks to try again. */
		if (errno != EAGAIN || tries >= 32)
			return -errno;
	}
}

/* Splits the first component off *rest. False at the end. */
static bool next_component(const char **rest, const char **ret, size_t *ret_len)
{
	const char *s = *rest;

	while (*s == '/')
		s++;
	if (!*s)
		return false;
	*ret = s;
	*ret_len = strcspn(s, "/");
	*rest = s + *ret_len;
	return true;
}

struct walk {
	int rootfd;
	int stack
		[PATH_MAX /
		 2]; /* open directories from the root down, so that ".." needs no trust in the tree */
	size_t depth;
	char rest[PATH_MAX];
	int links;
};

static void walk_release(struct walk *w)
{
	while (w->depth)
		fd_close(w->stack[--w->depth]);
}

static int walk_top(const struct walk *w)
{
	return w->depth ? w->stack[w->depth - 1] : w->rootfd;
}

/* Puts a link's target in front of what is left to walk. */
static int walk_follow(struct walk *w, int linkfd)
{
	char target[PATH_MAX], joined[PATH_MAX];
	ssize_t n = readlinkat(linkfd, "", target, sizeof(target) - 1);
	int k;

	if (n < 0)
		return -errno;
	if (++w->links > MAX_LINKS)
		return -ELOOP;
	target[n] = '\0';
	if (target[0] == '/')
		walk_release(w);
	k = snprintf(joined, sizeof(joined), "%s/%s", target, w->rest);
	if (k < 0 || (size_t)k >= sizeof(joined))
		return -ENAMETOOLONG;
	memcpy(w->rest, joined, (size_t)k + 1);
	return 0;
}

static int walk_open_last(struct walk *w, const char *name, int flags, mode_t mode)
{
	int fd = openat(walk_top(w), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);

	return fd < 0 ? -errno : fd;
}

/* One component. Returns 1 when the walk goes on, 0 with *ret_fd when it is over, -errno. */
static int walk_step(struct walk *w, const char *name, bool last, int flags, mode_t mode,
		     int *ret_fd)
{
	_cleanup_fd_ int fd = -1;
	struct stat st;
	int r;

	if (strcmp(name, ".") == 0)
		return 1;
	if (strcmp(name, "..") == 0) {
		if (w->depth)
			fd_close(w->stack[--w->depth]);
		return 1;
	}
	fd = openat(walk_top(w), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && !(errno == ENOENT && last && (flags & O_CREAT)))
		return -errno;
	if (fd >= 0 && fstat(fd, &st) < 0)
		return -errno;
	if (fd >= 0 && S_ISLNK(st.st_mode) && !(last && (flags & O_NOFOLLOW))) {
		if (last && (flags & O_CREAT) && (flags & O_EXCL))
			return -EEXIST;
		r = walk_follow(w, fd);
		return r < 0 ? r : 1;
	}
	if (last) {
		r = walk_open_last(w, name, flags, mode);
		if (r < 0)
			return r;
		*ret_fd = r;
		return 0;
	}
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (w->depth >= ARRAY_SIZE(w->stack))
		return -ENAMETOOLONG;
	w->stack[w->depth++] = fd_steal(&fd);
	return 1;
}

static int open_by_walk(int rootfd, const char *path, int flags, mode_t mode)
{
	_cleanup_free_ struct walk *w = new0(struct walk);
	int r = 1, fd = -1;

	if (!w)
		return -ENOMEM;
	if (strlen(path) >= sizeof(w->rest))
		return -ENAMETOOLONG;
	w->rootfd = rootfd;
	memcpy(w->rest, path, strlen(path) + 1);
	while (r > 0) {
		char name[NAME_MAX + 1];
		const char *rest = w->rest, *comp, *peek;
		size_t len, peek_len;

		if (!next_component(&rest, &comp, &len)) {
			r = openat(walk_top(w), ".", flags | O_CLOEXEC, mode);
			fd = r < 0 ? -1 : r;
			r = r < 0 ? -errno : 0;
			break;
		}
		if (len > NAME_MAX) {
			r = -ENAMETOOLONG;
			break;
		}
		memcpy(name, comp, len);
		name[len] = '\0';
		memmove(w->rest, rest, strlen(rest) + 1);
		peek = w->rest;
		r = walk_step(w, name, !next_component(&peek, &comp, &peek_len), flags, mode, &fd);
	}
	walk_release(w);
	return r < 0 ? r : fd;
}

int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode)
{
	int fd;

	if (!*path)
		path = ".";
	fd = open_with_openat2(rootfd, path, flags, mode);
	/* EPERM can be a seccomp filter's way to say ENOSYS; the walk gives a true EPERM again. */
	if (fd == -ENOSYS || fd == -EPERM)
		fd = open_by_walk(rootfd, path, flags, mode);
	return fd;
}

int path_mkdir_in_root(int rootfd, const char *path, mode_t mode)
{
	_cleanup_strbuf_ struct strbuf done = STRBUF_INIT;
	const char *comp;
	size_t len;
	int fd = path_open_in_root(rootfd, path, O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;
	while (next_component(&path, &comp, &len)) {
		_cleanup_free_ char *name = mem_dup0(comp, len);
		_cleanup_fd_ int dir = -1;
		int parent = path_open_in_root(rootfd, done.buf, O_PATH | O_DIRECTORY, 0);

		if (parent < 0)
			return parent;
		dir = parent;
		if (!name || strbuf_addf(&done, "/%s", name) < 0)
			return -ENOMEM;
		/* EEXIST may be a link: opening the longer prefix below follows it inside the root. */
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
		    mkdirat(dir, name, mode) < 0 && errno != EEXIST)
			return -errno;
	}
	return path_open_in_root(rootfd, done.buf, O_PATH | O_DIRECTORY, 0);
}

int path_mkfile_in_root(int rootfd, const char *path, mode_t mode)
{
	_cleanup_free_ char *dir = NULL, *clean = NULL;
	_cleanup_fd_ int parent = -1, file = -1;
	const char *base;
	int fd = path_open_in_root(rootfd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	clean = path_clean(path);
	if (!clean)
		return -ENOMEM;
	base = path_base(clean);
	if (!*base)
		return -EISDIR;
	dir = mem_dup0(clean, (size_t)(base - clean));
	if (!dir)
		return -ENOMEM;
	parent = path_mkdir_in_root(rootfd, dir, 0755);
	if (parent < 0)
		return parent;
	file = openat(parent, base,
		      O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
	/* ELOOP: a dangling link; its target is made inside the root. */
	if (file < 0 && errno == ELOOP)
		file = path_open_in_root(rootfd, path, O_WRONLY | O_CREAT | O_NONBLOCK, mode);
	else if (file < 0)
		file = -errno;
	if (file < 0)
		return file;
	return path_open_in_root(rootfd, path, O_PATH, 0);
}

bool path_valid_id(const char *id)
{
	size_t n = id ? strlen(id) : 0;

	if (n == 0 || n > 1024)
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = id[i];
		bool alnum =
			(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!alnum && (i == 0 || !strchr("_.-", c)))
			return false;
	}
	return true;
}

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	while (n > 1 && a[n - 1] == '/')
		n--;
	while (*b == '/')
		b++;
	if (n == 1 && a[0] == '/')
		n = 0;
	return str_printf("%.*s/%s", (int)n, a, b);
}

char *path_clean(const char *path)
{
	_cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
	bool absolute = path[0] == '/';
	const char *comp;
	size_t len, base = absolute ? 1 : 0;

	if (absolute && strbuf_addch(&out, '/') < 0)
		return NULL;
	while (next_component(&path, &comp, &len)) {
		const char *slash;

		if (len == 1 && comp[0] == '.')
			continue;
		if (len == 2 && comp[0] == '.' && comp[1] == '.') {
			slash = strrchr(out.buf, '/');
			if (out.len > base && strcmp(slash ? slash + 1 : out.buf, "..") != 0) {
				size_t keep = slash ? (size_t)(slash - out.buf) : 0;

				strbuf_setlen(&out, keep < base ? base : keep);
				continue;
			}
			if (absolute)
				continue;
		}
		if (out.len > base && strbuf_addch(&out, '/') < 0)
			return NULL;
		if (strbuf_add(&out, comp, len) < 0)
			return NULL;
	}
	if (!out.len && strbuf_addch(&out, '.') < 0)
		return NULL;
	return strbuf_detach(&out, NULL);
}

char *path_absolute(const char *path)
{
	_cleanup_free_ char *cwd = NULL, *joined = NULL;

	if (path[0] == '/')
		return path_clean(path);
	cwd = getcwd(NULL, 0);
	joined = cwd ? path_join(cwd, path) : NULL;
	return joined ? path_clean(joined) : NULL;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}
