/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CGROUP_CGROUP_H
#define CGROUP_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/loop.h"
#include "cgroup/stats.h"
#include "oci/spec.h"

/*
 * Control groups of containers: version 2 (Documentation/admin-guide/cgroup-v2.rst), version 1 with all its hierarchies
 * (Documentation/admin-guide/cgroup-v1), and mixtures, in which a controller is used in the hierarchy that has it. One driver
 * behind one table of operations (cgroup/driver.h); callers see no difference. Nothing here blocks, but cgroup_remove_wait().
 */
struct cgroup_root;
struct cgroup;
struct cgroup_ops;

struct cgroup_options {
	/* NULL: &cgroup_v2 where /sys/fs/cgroup is version 2, else &cgroup_v1. */
	const struct cgroup_ops *ops;
	/* For the time after a removal, and for OOM events. NULL: removals are tried once, and there are no events. */
	struct loop *loop;
	bool lenient;  /* a limit whose controller is missing is left out instead of refused */
	bool rootless; /* see cgroup_create() */
	bool nested;   /* a cgroupsPath that is not absolute begins at the caller's own cgroup */
};

/* -ENOENT: no hierarchy is mounted (with ops NULL: of either version). */
int cgroup_root_open(const struct cgroup_options *o, struct cgroup_root **ret, struct error *err);
/* Removals that were not finished are given up. Every cgroup must be freed before. NULL accepted; returns NULL. */
struct cgroup_root *cgroup_root_free(struct cgroup_root *r);
/* "cgroupv2", "cgroupv1", "systemd". */
const char *cgroup_root_driver(const struct cgroup_root *r);

/*
 * Makes the cgroup and sets the limits. path: the spec's cgroupsPath; absent: "/ID"; systemd's "slice:prefix:name" becomes
 * "/slice/prefix-name.scope". resources may be NULL; they must live until the first cgroup_add(), as the systemd driver makes
 * the cgroup only with a process in it.
 *
 * rootless, as runc: where there is no permission to make it, neither path nor limits were given, it is 0 and *ret NULL, and
 * the container stays in the caller's cgroup; else an error that says so.
 */
int cgroup_create(struct cgroup_root *root, const char *path, const char *id,
		  const struct oci_resources *resources, struct cgroup **ret, struct error *err);
/*
 * The cgroup of a container that another process made (runk: every command is a process of its own). name: what cgroup_name() said
 * then. -ENOENT when it is gone. cgroup_close() leaves it in the kernel; NULL accepted; returns NULL.
 */
int cgroup_open(struct cgroup_root *root, const char *name, struct cgroup **ret, struct error *err);
struct cgroup *cgroup_close(struct cgroup *c);
const char *cgroup_name(const struct cgroup *c);
/*
 * Moves a process in; before it has children, as those stay where they are. Needed unless it was born in cgroup_fd() and cgroup_born()
 * is true. The systemd driver makes the unit with the first one.
 */
int cgroup_add(struct cgroup *c, pid_t pid, struct error *err);
/* For CLONE_INTO_CGROUP: the directory in the version 2 hierarchy, the cgroup's own; -1 where there is none. */
int cgroup_fd(const struct cgroup *c);
/* Whether being born in cgroup_fd() is all: no other hierarchy has the container, too. */
bool cgroup_born(const struct cgroup *c);
/* Absolute path, for the cgroup mounts of the container; version 1: in the hierarchy of memory, or the first. */
const char *cgroup_path(const struct cgroup *c);
/* Sets those limits that are present. Device rules are set only when the cgroup is made. */
int cgroup_update(struct cgroup *c, const struct oci_resources *resources, struct error *err);
/* Asks for it. The kernel takes a moment: cgroup_frozen() says when all processes stand, or run again. */
int cgroup_freeze(struct cgroup *c, bool frozen, struct error *err);
/* 1, 0 or -errno. -EINPROGRESS: freezing, and not done yet; asks version 1 again. */
int cgroup_frozen(struct cgroup *c);
/* SIGKILL to every process below, frozen ones too. -ENOENT: the kernel cannot (version 2 before 5.14). */
int cgroup_kill(struct cgroup *c);
/* Malloc'd pids of every process below, as the caller's pid namespace numbers them, ascending. */
int cgroup_procs(struct cgroup *c, pid_t **ret, size_t *ret_n, struct error *err);
/* What could be read; controllers that are not there leave zeros. Free with cgroup_stats_release(). */
int cgroup_stats(struct cgroup *c, struct cgroup_stats *ret, struct error *err);
/*
 * fn for every time that the kernel killed for lack of memory in it, until the cgroup is freed (inotify on memory.events, or version 1's
 * eventfd). -ENOENT without memory controller, -EOPNOTSUPP without loop.
 */
typedef void (*cgroup_oom_fn)(void *data);
int cgroup_oom_watch(struct cgroup *c, cgroup_oom_fn fn, void *data, struct error *err);

/*
 * Kills what is left inside, removes, and frees. Dying processes hold a cgroup for a moment: it is tried again from the loop until
 * CGROUP_REMOVE_USEC have passed. Making one with the same path meanwhile takes it over. NULL accepted.
 */
#define CGROUP_REMOVE_USEC 10000000
void cgroup_remove(struct cgroup *c);
/* How many removals wait. */
size_t cgroup_removals(const struct cgroup_root *r);
/* As above, for programs that may wait: -EBUSY with the path when the time is over. Frees in any case. */
int cgroup_remove_wait(struct cgroup *c, uint64_t timeout_usec, struct error *err);

#endif
