/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORAGE_VIRTIOFSD_H
#define STORAGE_VIRTIOFSD_H

#include <sys/types.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * One virtiofsd process for a shared directory. Its listening socket is made here and passed by descriptor, so the hypervisor can connect at
 * once. It dies with us (PR_SET_PDEATHSIG).
 */
struct virtiofsd;

struct virtiofsd_params {
	const char *path;   /* of the program; NULL: looked for where distributions put it */
	const char *socket; /* made here */
	const char *shared_dir;
	const char *cache;	 /* "auto" "never" "metadata" "always" */
	char *const *extra_args; /* NULL ended; may be NULL */
	int log_fd;		 /* for its messages; -1: none */
};

/* on_exit: the daemon ended by itself; the object stays the caller's. */
int virtiofsd_start(struct loop *loop, const struct virtiofsd_params *p,
		    void (*on_exit)(int wait_status, void *data), void *data,
		    struct virtiofsd **ret, struct error *err);
pid_t virtiofsd_pid(const struct virtiofsd *v);
/* Kills it, waits for it and removes the socket. NULL accepted; returns NULL. */
struct virtiofsd *virtiofsd_free(struct virtiofsd *v);
/* The program's path: `option`, or the first of the usual places; NULL when there is none. */
const char *virtiofsd_find(const char *option);

#endif
