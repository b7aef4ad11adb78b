/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include "base/error.h"

/*
 * Paths that others gave us. Everything that a container or a request names is resolved inside a root descriptor: ".."
 * and absolute symlinks stay below it, magic links are refused.
 */

/*
 * openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) with O_CLOEXEC added; where the kernel lacks openat2 (ENOSYS) or a
 * seccomp filter forbids it (EPERM on probing), a walk with O_PATH | O_NOFOLLOW does the same. Returns the descriptor or -errno.
 */
int path_open_in_root(int rootfd, const char *path, int flags, mode_t mode);
/* Makes the directories of `path` below rootfd that are missing, and opens the last with O_PATH | O_DIRECTORY. fd or -errno. */
int path_mkdir_in_root(int rootfd, const char *path, mode_t mode);
/* Like mkdir_in_root for the parent, then an empty regular file if the name is missing; opens it O_PATH. fd or -errno. */
int path_mkfile_in_root(int rootfd, const char *path, mode_t mode);
/* "/proc/self/fd/N" in buf: a path for calls that take no descriptor. */
#define PATH_FD_MAX 32
const char *path_of_fd(char buf[PATH_FD_MAX], int fd);

/* A container, sandbox or exec id: ^[a-zA-Z0-9][a-zA-Z0-9_.-]+$ as upstream, at most 1024 bytes (one byte allowed too). */
bool path_valid_id(const char *id);
/* Malloc'd a/b with exactly one slash between; NULL when out of memory. */
char *path_join(const char *a, const char *b);
/* Malloc'd lexical normal form: no "//", "/./", trailing slash; ".." resolved lexically, never above "/". */
char *path_clean(const char *path);
/* Malloc'd absolute form of path relative to the working directory. NULL: errno. */
char *path_absolute(const char *path);
/* The last component, pointing into path. */
const char *path_base(const char *path);

#endif
