/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "config/config.h"

const char *const config_default_paths[] = {
	"/etc/kata-containers/configuration.toml",
	"/usr/share/defaults/kata-containers/configuration.toml",
	NULL,
};

/* Whether the path names (perhaps through links) one of the default places. */
static bool is_default(const char *path)
{
	_cleanup_free_ char *real = realpath(path, NULL);

	for (int i = 0; real && config_default_paths[i]; i++) {
		_cleanup_free_ char *dflt = realpath(config_default_paths[i], NULL);

		if (str_eq(real, dflt) || str_eq(real, config_default_paths[i]))
			return true;
	}
	return false;
}

int config_find(const char *option, char **ret, struct error *err)
{
	const char *env = getenv("KATA_CONF_FILE");
	const char *found = option;

	if (!found && env && *env && is_default(env))
		found = env;
	for (int i = 0; !found && config_default_paths[i]; i++) {
		if (access(config_default_paths[i], F_OK) == 0)
			found = config_default_paths[i];
	}
	if (!found)
		return error_set(err, -ENOENT, "no configuration file: neither %s nor %s exists",
				 config_default_paths[0], config_default_paths[1]);
	*ret = path_absolute(found);
	return *ret ? 0 : error_sys(err, -errno, "%s", found);
}
