/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_LAUNCH_H
#define CONTAINER_LAUNCH_H

#include "base/error.h"
#include "cgroup/cgroup.h"
#include "container/child.h"
#include "container/spawn.h"
#include "oci/spec.h"

/*
 * The maker's side of a container process, without an opinion on who waits for it: the agent's event loop (container/process.c) or a
 * command that blocks (runk). Order: prepare, (set what plan says about streams and sync), spawn, release.
 */
struct launch {
	struct spawn_params sp;
	struct child_plan plan;
	const struct oci_spec *spec;
	struct cgroup *cgroup;	/* the caller's; NULL: the process stays in the maker's */
	int opened[OCI_NS_MAX]; /* closed by release; -1: none */
	int *trees;		/* plan.trees; closed and freed by release */
};

void launch_init(struct launch *l);
void launch_release(struct launch *l);

/* What this library can make of the spec. The first thing it cannot is named. */
int launch_check_spec(const struct oci_spec *spec, struct error *err);
/* On a host that others use: only sysctls of the container's own namespaces. */
int launch_check_sysctl(const struct oci_spec *spec, struct error *err);
int launch_check_process(const struct oci_process *p, struct error *err);

/*
 * The first process of a container. join: namespaces to be in instead of making or opening what the spec says, -1: by the spec; NULL:
 * all by the spec. The descriptors stay the caller's. The spec must live until release.
 */
int launch_prepare_init(struct launch *l, const struct oci_spec *spec, const char *rootfs,
			const int join[OCI_NS_MAX], struct error *err);
/* Another process beside the one with this pid, whose container was made by spec. */
int launch_prepare_join(struct launch *l, const struct oci_spec *spec, pid_t init,
			const struct oci_process *process, struct error *err);
/* Makes the process. It waits for launch_go(). */
int launch_spawn(struct launch *l, pid_t *ret_pid, struct error *err);
/* Moves it into its cgroup, writes the id maps where there are any, and lets the process go on. sock: the maker's end of plan.sync. */
int launch_go(struct launch *l, pid_t pid, int sock, struct error *err);
/* The maker's answer to HOOKS: runs prestart and createRuntime, and lets the process go on or tells it why not. Blocks. */
struct launch_hooks {
	const struct oci_spec *spec;
	const char *id, *bundle;
	pid_t pid;
};
int launch_run_hooks(const struct launch_hooks *h, int sock, struct error *err);

#endif
