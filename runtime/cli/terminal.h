/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>
#include "base/error.h"

/* The caller's terminal in raw mode, and back. */
struct terminal {
	int fd; /* -1: not raw */
	struct termios saved;
};
#define TERMINAL_INIT    \
	{                \
		.fd = -1 \
	}
int terminal_raw(struct terminal *t, int fd, struct error *err);
void terminal_restore(struct terminal *t);
#define _cleanup_terminal_ _cleanup_(terminal_restore)
/* 0 or -errno. */
int terminal_size(int fd, uint32_t *rows, uint32_t *columns);

#endif
