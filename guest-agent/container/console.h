/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_CONSOLE_H
#define CONTAINER_CONSOLE_H

#include <stdint.h>
#include "base/error.h"

/*
 * A process's terminal, made in the child: from the devpts instance at ROOT/dev/pts where the container has one (so that the name
 * which ttyname finds exists inside), else from the agent's.
 */
struct console {
	int master, slave; /* -1 while unset */
};
#define CONSOLE_INIT   \
	{              \
		-1, -1 \
	}
/* rootfd: the container's root; AT_FDCWD when it is the process's root already. rows and columns 0: left alone. */
int console_open(int rootfd, uint32_t rows, uint32_t columns, uint32_t owner, struct console *ret,
		 struct error *err);
/* Puts the slave at ROOT/dev/console. */
int console_bind(int rootfd, int slave, struct error *err);
/* Makes the slave the controlling terminal and standard streams of this process, which leads a session. */
int console_attach(int slave, struct error *err);

#endif
