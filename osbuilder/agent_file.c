/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "hint.h"

int agent_file_open(struct agent_file *a, const char *path, struct error *err)
{
	struct stat st;

	a->path = path;
	a->fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (a->fd < 0 || fstat(a->fd, &st) < 0)
		return error_hint(err, error_sys(err, -errno, "agent '%s'", path), HINT_AGENT);
	if (!S_ISREG(st.st_mode))
		return error_set(err, -EINVAL, "agent '%s' is not a regular file", path);
	a->size = (uint64_t)st.st_size;
	return 0;
}

int agent_file_hash(struct agent_file *a, struct error *err)
{
	uint8_t digest[SHA_SIZE_MAX];
	int r = sha_of_fd(SHA_KIND_256, a->fd, 0, a->size, digest, err);

	if (r < 0)
		return error_prefix(err, "agent '%s'", a->path);
	memcpy(a->sha256, digest, sizeof(a->sha256));
	return 0;
}

void agent_file_release(struct agent_file *a)
{
	fd_close(a->fd);
	a->fd = -1;
}
