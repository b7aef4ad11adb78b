/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PASS_PASS_H
#define PASS_PASS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/strv.h"
#include "recipe/recipe.h"
#include "tree/tree.h"

/*
 * Passes: tree in, the same tree changed. None looks at the clock, the user, the machine or anything that the caller did not
 * hand over.
 */

/* Before any source: /bin, /sbin, /lib (and /lib64 where the architecture has it) as links into /usr. */
int pass_merge_usr(struct tree *t, const char *arch, struct error *err);

/*
 * What every guest needs, whatever the distribution: the directories /dev /etc /proc /run /sys /tmp (1777) /var, the device
 * nodes /dev/console and /dev/null (an initrd has no devtmpfs when init starts), /var/tmp as a link to ../tmp, /var/run to
 * ../run, /etc/resolv.conf and /etc/machine-id as regular files (the agent mounts over them on a read-only root).
 * What exists already stays, but a link at the place of the two files is replaced.
 */
int pass_layout(struct tree *t, struct error *err);

/* The recipe's [[copy]], [[text]], [[link]] and [[directory]], in this order. */
int pass_items(struct tree *t, const struct recipe *r, struct error *err);

/*
 * The agent: an executable for `arch` without an interpreter (static), put at `path` with mode 0755; `link` (may be NULL)
 * becomes a symbolic link to it. fd is duplicated.
 */
struct pass_agent_params {
	int fd;
	const char *file; /* for messages */
	const char *arch, *path, *link;
};
int pass_agent(struct tree *t, const struct pass_agent_params *p, struct error *err);

/* Removes what the patterns match (fnmatch(3), FNM_PATHNAME | FNM_PERIOD off). A pattern without a match is no error. */
int pass_prune(struct tree *t, const struct strv *patterns, struct error *err);

/* -ENOEXEC naming the first ELF file of another architecture. */
int pass_check_arch(struct tree *t, const char *arch, struct error *err);

/* That the tree boots: /sbin/init resolves to a regular file with an x bit. */
int pass_check_init(struct tree *t, struct error *err);

/* Times: later ones become `epoch`, nanoseconds 0. The root directory becomes 0755 root:root. */
void pass_normalize(struct tree *t, int64_t epoch);

/* /var/lib/osbuilder/osbuilder.yaml, upstream's format 0.0.2. NULL strings are written as "unknown". */
struct pass_summary_params {
	int64_t epoch; /* rootfs-creation-time */
	const char *arch, *description, *distro_name, *distro_version, *osbuilder_version,
		*agent_version;
	const struct recipe *recipe; /* its deb packages become packages.default */
	bool agent_is_init;
};
int pass_summary(struct tree *t, const struct pass_summary_params *p, struct error *err);

#endif
