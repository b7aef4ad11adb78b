/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_MOUNTOPT_H
#define CONTAINER_MOUNTOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

/*
 * Mount options by the words of mount(8) and of the OCI specification. What is no known word is data for the file system.
 */
struct mount_opts {
	unsigned long flags; /* MS_*, for mount(2) of a file system */
	uint64_t attr_set;   /* MOUNT_ATTR_*, for mount_setattr(2) of a bind mount */
	uint64_t attr_clr;
	uint64_t rec_set, rec_clr; /* the same for everything below ("rro", "rnosuid"...) */
	unsigned long
		propagation; /* MS_SHARED, MS_PRIVATE, MS_SLAVE or MS_UNBINDABLE, with MS_REC; 0: leave */
	bool bind, recursive;
	bool copy_up;		     /* "tmpcopyup" */
	bool idmap, idmap_recursive; /* "idmap" and "ridmap" */
	char *data;		     /* comma separated, malloc'd; NULL: none */
};

#define MOUNT_OPTS_MAX_DATA \
	65536 /* bytes; the kernel takes one page by mount(2), but reports that itself */

/* Options that start with "io.katacontainers." are not for the kernel and are skipped. */
int mount_opts_parse(char *const *options, size_t n, struct mount_opts *ret, struct error *err);
void mount_opts_release(struct mount_opts *o);
/* "private" "rslave"... to MS_* flags; -EINVAL. */
int mount_propagation_parse(const char *word, unsigned long *ret);

/* The words that are known, one by one (without the "r" forms of flags); NULL behind the last. */
const char *mount_opts_word(size_t i);

#endif
