/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KCONFIG_CMD_H
#define KCONFIG_CMD_H

#include <stdint.h>
#include "base/error.h"
#include "base/strv.h"
#include "kconfig/kconfig.h"

/* The commands of kata-kconfig; one file a group. Each prints its result and returns 0, 1 for "differs", or -errno with err. */
struct kconfig_options {
	const char *arch, *type,
		*fragments; /* of a directory of fragments; fragments NULL: not given */
	const char *output, *config, *patches, *version, *boot_file;
	uint32_t config_version;
};

int cmd_merge(const struct kconfig_options *opt, char *const *args, int n, struct error *err);
int cmd_check(const struct kconfig_options *opt, char *const *args, int n, struct error *err);
int cmd_fit(const struct kconfig_options *opt, char *const *args, int n, struct error *err);
int cmd_diff(const struct kconfig_options *opt, char *const *args, int n, struct error *err);
int cmd_inspect(const struct kconfig_options *opt, char *const *args, int n, struct error *err);

/*
 * The fragments that a command means: those of the directory when it is given or nothing else is, common before architecture before
 * build type, each sorted by name; then those named in args.
 */
int cmd_load_fragments(const struct kconfig_options *opt, char *const *args, int n,
		       struct kconfig *ret, struct error *err);

#endif
