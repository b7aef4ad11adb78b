/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_CHILD_H
#define CONTAINER_CHILD_H

#include "base/compiler.h"
#include "oci/spec.h"

/*
 * The child's side: from clone to execve. These never return. What they need comes by pointer, as the child starts as a copy of
 * its maker; what they have to say goes over the sync socket (container/sync.h).
 */
struct child_plan {
	const struct oci_spec *spec; /* NULL for a process that joins a running container */
	const struct oci_process *process;
	const char *rootfs;	 /* init only: path of the root, in the maker's eyes */
	const char *cgroup_path; /* init only: see rootfs_env */
	bool new_user, new_uts, new_cgroup, new_net; /* init only */
	int rootfd;				     /* joining only: the container's root */
	int mnt_ns, user_ns; /* joining only; user_ns -1: the same as ours */
	int sync;
	int in, out, err; /* standard streams, unused with a terminal; -1: as they are */
	/*
	 * init only: a listening SOCK_SEQPACKET socket on which START is going to come, when the maker will not be there any more;
	 * EXEC and ERROR are answered there. -1: all over sync.
	 */
	int start_sock;
	unsigned int preserve_fds; /* descriptors from 3 on that the program gets */
	bool no_pivot;		   /* init only: move and chroot instead of pivot_root */
};
void child_plan_init(struct child_plan *plan); /* all -1 and NULL */

_noreturn_ void child_main_init(struct child_plan *plan);
_noreturn_ void child_main_join(struct child_plan *plan);

#endif
