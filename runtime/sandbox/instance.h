/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_INSTANCE_H
#define SANDBOX_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/strv.h"

/*
 * The directory of one sandbox below the state root, ROOT/ID (mode 0700):
 *
 *	lock        flock'd by whoever makes the sandbox, then by its engine for as long as it lives
 *	state.json  state.h
 *	task.sock   the Task service
 *	stand-in    who stands for the container's process on the host, pid and start time (cli/standin.h)
 *	vsock.sock  the guest's vsock for other programs of the host (hybrid.h)
 *	io/         FIFOs of the command line's clients
 *	vm/         sockets and files of the hypervisor
 *	shared/     what virtiofsd exports; its mounts are in the engine's own mount namespace
 *	log         the engine's log
 *
 * The directory's existence is the reservation of the id; the lock tells whether somebody is alive behind it, also in the moments
 * before state.json exists.
 */
#define INSTANCE_TASK_SOCK "task.sock"
#define INSTANCE_LOG	   "log"

/*
 * The state root: `option` if given; /run/kata-containers for root; for others $XDG_RUNTIME_DIR/kata-containers, or
 * /tmp/kata-containers-UID. Made if missing; one that belongs to somebody else, or that others may write to, is refused.
 */
int instance_root(const char *option, char **ret, struct error *err);

struct instance {
	char *root, *id, *dir; /* dir = root/id */
	int dirfd;	       /* -1: not open */
	int lockfd;	       /* -1: not held */
};
#define INSTANCE_INIT                    \
	{                                \
		NULL, NULL, NULL, -1, -1 \
	}
void instance_release(struct instance *i); /* closes; removes nothing */
#define _cleanup_instance_ _cleanup_(instance_release)

/* Makes the directory and takes the lock. -EEXIST when the id is in use. */
int instance_create(struct instance *i, const char *root, const char *id, struct error *err);
/* Opens an existing one without the lock. -ENOENT: "container ID does not exist". */
int instance_open(struct instance *i, const char *root, const char *id, struct error *err);
/* Takes over an inherited, locked descriptor of an existing one. */
int instance_adopt(struct instance *i, const char *root, const char *id, int lockfd,
		   struct error *err);
/* Whether somebody holds the lock. */
bool instance_alive(const struct instance *i);
/*
 * Kills what still runs of it (engine, hypervisor, virtiofsd; exactly those that state.json names), waits until nobody holds
 * the lock, and removes the directory. Also for half-made ones. Blocks up to about 15 s.
 */
int instance_destroy(struct instance *i, struct error *err);
/* Removes the directory; for the one who holds the lock. */
int instance_remove(struct instance *i, struct error *err);
/* The ids below a root, sorted. */
int instance_list(const char *root, struct strv *ids, struct error *err);

/* SIGKILL to exactly this process, and waits until it is gone. 0 also when it is gone already. */
int instance_kill_process(pid_t pid, uint64_t start, struct error *err);

#endif
