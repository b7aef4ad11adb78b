/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/options.h"
#include "base/path.h"
#include "oci/spec.h"
#include "runk/runk.h"

#define SPEC_FILE     "config.json"
#define SPEC_HOSTNAME "runk"

int cmd_spec(const struct runk *rk, int argc, char **argv, struct error *err)
{
	const char *bundle = ".";
	bool rootless = false;
	const struct option_def defs[] = {
		{ "bundle", "b", OPTION_STRING, &bundle, "DIR", "where to write config.json (.)" },
		{ "rootless", NULL, OPTION_FLAG, &rootless, NULL, "for a user without rights" },
	};
	_cleanup_free_ char *path = NULL, *json = NULL;
	_cleanup_fd_ int fd = -1;
	int next, r = options_parse(defs, ARRAY_SIZE(defs), argc, argv, &next, err);

	if (r < 0)
		return 1;
	path = path_join(bundle, SPEC_FILE);
	json = oci_spec_default_json(SPEC_HOSTNAME, rootless,
				     next < argc ? (const char *const *)argv + next : NULL);
	if (!path || !json)
		return error_oom(err);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0640);
	if (fd < 0 && errno == EEXIST)
		return error_set(err, -EEXIST, "File %s exists. Remove it first", path);
	if (fd < 0)
		return error_sys(err, -errno, "%s", path);
	r = fd_write_full(fd, json, strlen(json));
	if (r < 0) {
		unlink(path);
		return error_sys(err, r, "%s", path);
	}
	return 0;
}
