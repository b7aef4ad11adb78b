/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_CHILD_H
#define CONTAINER_CHILD_H

#include <sys/types.h>
#include "base/compiler.h"
#include "container/seccomp.h"
#include "oci/spec.h"

/*
 * The child's side: from clone to execve. These never return. What they need comes by pointer, as the child starts as a copy of
 * its maker; what they have to say goes over the sync socket (container/sync.h).
 */
struct child_plan {
	const struct oci_spec *spec; /* the container's */
	const struct oci_process *process;
	const char *id, *bundle; /* for the state that hooks get; NULL: "" */
	const char *rootfs;	 /* init only: path of the root, in the maker's eyes */
	const char *cgroup_path; /* init only: see rootfs_env */
	const char *keyring;	 /* session keyring to make or to join; NULL: leave it */
	bool new_uts, new_cgroup, new_net, new_time; /* init only */
	int late_flags; /* init only: CLONE_NEW* that the child makes as root of its user namespace */
	bool mapped;	/* in a user namespace of its own: its root is to be become */
	/*
	 * init only: for each mount of the spec a detached tree to attach, or -1: what the child may not make itself (bind mounts of a
	 * container with a user namespace, idmapped ones).
	 */
	int *trees;
	size_t n_trees;
	int rootfd;		      /* joining only: the container's root */
	int mnt_ns, user_ns, time_ns; /* to be joined by the child itself; -1: none */
	int sync;
	int in, out, err; /* standard streams, unused with a terminal; -1: as they are */
	/*
	 * init only: a listening SOCK_SEQPACKET socket on which START is going to come, when the maker will not be there any more;
	 * EXEC and ERROR are answered there. -1: all over sync.
	 */
	int start_sock;
	unsigned int preserve_fds;    /* descriptors from 3 on that the program gets */
	bool no_pivot;		      /* init only: move and chroot instead of pivot_root */
	struct seccomp_filter filter; /* the child's */
	pid_t host_pid;		      /* of the child in the maker's eyes; the child is told */
};
void child_plan_init(struct child_plan *plan); /* all -1 and NULL */

_noreturn_ void child_main_init(struct child_plan *plan);
_noreturn_ void child_main_join(struct child_plan *plan);

#endif
