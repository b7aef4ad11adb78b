/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>
#include "base/compiler.h"

/*
 * The one event loop: descriptors, timers, signals, child processes and deferred calls on one epoll. Single threaded. A
 * source may free itself or any other source inside a callback; the memory goes when the dispatch round is over. Callbacks
 * never block. Descriptors stay the caller's: free the source first, then close.
 */
struct loop;
struct loop_source;

int loop_new(struct loop **ret); /* 0 or -errno */
struct loop *
loop_free(struct loop *l); /* frees remaining sources too; NULL accepted; returns NULL */
/* Dispatches until loop_exit(); returns the code given there, or -errno when epoll fails. */
int loop_run(struct loop *l);
/* One round: waits at most timeout_ms (-1: for ever). Number of callbacks run, or -errno. */
int loop_step(struct loop *l, int timeout_ms);
void loop_exit(struct loop *l, int code);

typedef void (*loop_io_fn)(struct loop_source *s, int fd, uint32_t events, void *data);
typedef void (*loop_fn)(struct loop_source *s, void *data);
typedef void (*loop_signal_fn)(struct loop_source *s, const siginfo_t *si, void *data);
typedef void (*loop_child_fn)(struct loop_source *s, pid_t pid, int wait_status, void *data);

/* ret may be NULL where the source is never touched again. events: EPOLLIN, EPOLLOUT...; 0 keeps it registered but silent
 * (EPOLLHUP and EPOLLERR still come). Regular files are not pollable: -EPERM. */
int loop_add_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data,
		struct loop_source **ret);
int loop_io_set(struct loop_source *s, uint32_t events);
/* Timers start disarmed; monotonic; one shot: rearm in the callback for a period. */
int loop_add_timer(struct loop *l, loop_fn fn, void *data, struct loop_source **ret);
void loop_timer_set(struct loop_source *s, uint64_t usec_from_now);
void loop_timer_stop(struct loop_source *s);
/* Blocks the signal for the process and takes it from a signalfd; restores the mask when freed. */
int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *data,
		    struct loop_source **ret);
/* By pidfd; reaps the child, calls fn once, and frees the source. Not together with a SIGCHLD reaper of all children. */
int loop_add_child(struct loop *l, pid_t pid, loop_child_fn fn, void *data,
		   struct loop_source **ret);
/* Calls fn once in the next round, then frees the source. */
int loop_add_defer(struct loop *l, loop_fn fn, void *data, struct loop_source **ret);
struct loop_source *loop_source_free(struct loop_source *s); /* NULL accepted; returns NULL */
struct loop *loop_of(const struct loop_source *s);

#endif
