/* SPDX-License-Identifier: Apache-2.0 */
/* The sources that read this machine's files: tar and file (dir has a file of its own). */
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/source.h"

static int tar_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		    struct error *err)
{
	const struct source_unpack u = { .target = s->target };
	_cleanup_fd_ int fd = openat(env->dirfd, s->path, O_RDONLY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", s->path);
	r = source_unpack_tar_fd(t, fd, &u, err);
	return r < 0 ? error_prefix(err, "'%s'", s->path) : 0;
}

const struct source_ops source_tar = { .name = "tar", .load = tar_load };

static int file_load(const struct source_spec *s, const struct source_env *env, struct tree *t,
		     struct error *err)
{
	struct blob content = BLOB_INIT;
	struct tree_attr attr = { .mode = S_IFREG | s->mode, .content = &content };
	struct stat st;
	int fd = openat(env->dirfd, s->path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return error_sys(err, -errno, "cannot open '%s'", s->path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		fd_close(fd);
		return error_set(err, -EINVAL, "'%s' is not a regular file", s->path);
	}
	if (tree_keep_fd(t, fd) < 0)
		return error_oom(err);
	attr.mtime_sec = TREE_MTIME_BUILD;
	blob_from_fd(&content, fd, 0, (uint64_t)st.st_size);
	r = tree_add(t, s->target, &attr, TREE_ADD_PARENTS | TREE_ADD_FOLLOW, NULL, err);
	return r < 0 ? error_prefix(err, "'%s'", s->target) : 0;
}

const struct source_ops source_file = { .name = "file", .load = file_load };
