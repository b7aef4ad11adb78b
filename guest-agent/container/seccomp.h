/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_SECCOMP_H
#define CONTAINER_SECCOMP_H

#include <stddef.h>
#include "base/error.h"
#include "oci/spec.h"

/*
 * linux.seccomp. libseccomp makes the program; it is loaded by the system call itself, because only so all flags and the listener can
 * be had. Two steps, as the first takes memory and time and the second may come at a moment when nothing may fail.
 */
struct seccomp_filter {
	void *prog; /* struct sock_filter[]; NULL: no filter */
	unsigned short n;
	unsigned int flags; /* SECCOMP_FILTER_FLAG_* */
	int listener;	    /* a connection to listenerPath; -1: nobody is to be notified */
	char *message;	    /* what is sent there together with the descriptor */
};
#define FILTER_INIT            \
	{                      \
		.listener = -1 \
	}

/* Names that this library cannot do are errors; system calls that it does not know are passed over, as profiles name many. */
int filter_compile(const struct oci_seccomp *s, struct seccomp_filter *ret, struct error *err);
/* Connects to listenerPath when an action needs it. state: the container's, pid: this process's, both for the message. */
int filter_connect(const struct oci_seccomp *s, const char *state, int pid,
		   struct seccomp_filter *f, struct error *err);
/* For this process, from now on. Wants no_new_privs or CAP_SYS_ADMIN. */
int filter_load(struct seccomp_filter *f, struct error *err);

#endif
