/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HYPERVISOR_QEMU_CONSOLE_H
#define HYPERVISOR_QEMU_CONSOLE_H

#include "base/loop.h"

/*
 * The guest's console, or a program's stderr: text from a descriptor, of which the last lines are kept. What comes is made
 * printable (escape sequences and control bytes go), because it ends in messages for people.
 */
#define CONSOLE_TAIL_MAX  4096 /* bytes kept */
#define CONSOLE_LINE_MAX  1024 /* longer lines are cut in pieces of this */
#define CONSOLE_PANIC_MAX 160

struct console;
typedef void (*console_line_fn)(const char *line, void *data);

/* Takes over fd (a pipe or socket) on success. fn, for each line without its newline, may be NULL and must not free the console. */
int console_new(struct loop *loop, int fd, console_line_fn fn, void *data, struct console **ret);
struct console *console_free(struct console *c); /* NULL accepted; returns NULL */
/* Reads what has arrived, without waiting: before judging why the other end died. */
void console_drain(struct console *c);
/* The last lines, at most CONSOLE_TAIL_MAX bytes, no newline at the end; "" for NULL. Valid until the next event. */
const char *console_tail(struct console *c);
/* The cause in a line "Kernel panic - not syncing: CAUSE", or NULL. */
const char *console_panic(const struct console *c);

#endif
