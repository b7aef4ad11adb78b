/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_SIDE_PORT_H
#define SERVICE_SIDE_PORT_H

#include <stdint.h>
#include "base/error.h"
#include "base/loop.h"

/*
 * The agent's other ports: its log and the debug console. Where the service is on a Unix socket PATH (tests), port N is the socket
 * PATH_N, as hybrid vsock names them.
 */
struct agent;

/* Listens on port N beside the service's address. */
int side_port_listen(const char *server_addr, uint32_t port, int *ret_fd, struct error *err);

/* ---- log port: every line of the log goes to the console and to who is connected. ---- */
struct log_port;
#define LOG_PORT_CLIENTS 4
/* *ret_log_fd: for log_init(); the port's. A client that does not read loses lines, and holds up nobody. */
int log_port_new(struct loop *loop, const char *server_addr, uint32_t port, int out_fd,
		 struct log_port **ret, int *ret_log_fd, struct error *err);
/* Writes what is still on its way to out_fd. NULL accepted; returns NULL. */
struct log_port *log_port_free(struct log_port *p);

/* ---- debug console: a shell of the guest on a terminal of its own for each connection. ---- */
struct debug_console;
#define DEBUG_CONSOLE_SESSIONS 8
/* port 0: one shell on /dev/console instead, begun anew when it ends. -ENOENT: the guest has no shell. */
int debug_console_new(struct agent *a, uint32_t port, struct debug_console **ret,
		      struct error *err);
struct debug_console *debug_console_free(struct debug_console *d); /* NULL accepted; returns NULL */

#endif
