/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNK_FOREGROUND_H
#define RUNK_FOREGROUND_H

#include <sys/types.h>
#include "base/error.h"

/*
 * A process of a container in the foreground of this one: signals are passed on, the caller's terminal is relayed to its own, and its
 * end is waited for.
 */
struct foreground {
	int signals; /* signalfd; -1: not begun */
	int in, out; /* what is relayed */
};
#define FOREGROUND_INIT                          \
	{                                        \
		.signals = -1, .in = 0, .out = 1 \
	}
/* From here on signals wait for foreground_wait(). Before the process is made. */
int foreground_begin(struct foreground *f, struct error *err);
/* pid is this process's child. pty: its terminal's master (taken), or -1. *ret_code is its exit code, or 128 + signal. */
int foreground_wait(struct foreground *f, pid_t pid, int pty, int *ret_code, struct error *err);
void foreground_end(struct foreground *f);

#endif
