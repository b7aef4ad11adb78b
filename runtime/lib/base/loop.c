/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/time.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define EVENTS_PER_ROUND 64

enum source_type { SRC_IO, SRC_TIMER, SRC_SIGNAL, SRC_CHILD, SRC_DEFER };

struct loop_source {
	struct loop *loop;
	struct list link; /* in loop->sources, or loop->dead once freed */
	enum source_type type;
	bool dead;
	bool armed;	   /* timers, defers */
	int fd;		   /* polled descriptor; owned for signals and children */
	uint32_t events;   /* io: asked for */
	uint64_t deadline; /* timers: monotonic microseconds */
	uint64_t round;	   /* timers, defers: the loop's round when armed */
	pid_t pid;
	int signo;
	bool was_blocked; /* signals: state of the mask before */
	union {
		loop_io_fn io;
		loop_fn plain;
		loop_signal_fn signal;
		loop_child_fn child;
	} fn;
	void *data;
};

struct loop {
	int epfd;
	int depth;	/* dispatch nesting: dead sources are freed at depth 0 */
	uint64_t round; /* counts dispatch_due() */
	bool exiting;
	int exit_code;
	struct list sources;
	struct list dead;
};

int loop_new(struct loop **ret)
{
	_cleanup_free_ struct loop *l = new0(struct loop);

	if (!l)
		return -ENOMEM;
	list_init(&l->sources);
	list_init(&l->dead);
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return -errno;
	*ret = steal_ptr(l);
	return 0;
}

static void reap_dead(struct loop *l)
{
	while (!list_empty(&l->dead)) {
		struct loop_source *s = list_entry(l->dead.next, struct loop_source, link);

		list_del(&s->link);
		free(s);
	}
}

struct loop *loop_free(struct loop *l)
{
	if (!l)
		return NULL;
	while (!list_empty(&l->sources))
		loop_source_free(list_entry(l->sources.next, struct loop_source, link));
	reap_dead(l);
	fd_close(l->epfd);
	free(l);
	return NULL;
}

struct loop *loop_of(const struct loop_source *s)
{
	return s->loop;
}

void loop_exit(struct loop *l, int code)
{
	l->exiting = true;
	l->exit_code = code;
}

static struct loop_source *source_new(struct loop *l, enum source_type type, void *data)
{
	struct loop_source *s = new0(struct loop_source);

	if (!s)
		return NULL;
	s->loop = l;
	s->type = type;
	s->fd = -1;
	s->data = data;
	list_add_tail(&l->sources, &s->link);
	return s;
}

static int source_watch(struct loop_source *s, int fd, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (epoll_ctl(s->loop->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	s->fd = fd;
	s->events = events;
	return 0;
}

/* Ends a constructor: hands the source out, or drops it on failure. */
static int source_finish(struct loop_source *s, int r, struct loop_source **ret)
{
	if (r < 0) {
		loop_source_free(s);
		return r;
	}
	if (ret)
		*ret = s;
	return 0;
}

struct loop_source *loop_source_free(struct loop_source *s)
{
	if (!s || s->dead)
		return NULL;
	if (s->fd >= 0)
		epoll_ctl(s->loop->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->type == SRC_SIGNAL && s->fd >= 0) {
		fd_close(s->fd);
		if (!s->was_blocked) {
			sigset_t set;

			sigemptyset(&set);
			sigaddset(&set, s->signo);
			sigprocmask(SIG_UNBLOCK, &set, NULL);
		}
	} else if (s->type == SRC_CHILD) {
		fd_close(s->fd);
	}
	s->dead = true;
	s->fd = -1;
	list_del(&s->link);
	if (s->loop->depth)
		list_add_tail(&s->loop->dead, &s->link);
	else
		free(s);
	return NULL;
}

int loop_add_io(struct loop *l, int fd, uint32_t events, loop_io_fn fn, void *data,
		struct loop_source **ret)
{
	struct loop_source *s = source_new(l, SRC_IO, data);

	if (!s)
		return -ENOMEM;
	s->fn.io = fn;
	return source_finish(s, source_watch(s, fd, events), ret);
}

int loop_io_set(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (s->dead)
		return -EBADF;
	if (s->events == events)
		return 0;
	if (epoll_ctl(s->loop->epfd, EPOLL_CTL_MOD, s->fd, &ev) < 0)
		return -errno;
	s->events = events;
	return 0;
}

int loop_add_timer(struct loop *l, loop_fn fn, void *data, struct loop_source **ret)
{
	struct loop_source *s = source_new(l, SRC_TIMER, data);

	if (!s)
		return -ENOMEM;
	s->fn.plain = fn;
	return source_finish(s, 0, ret);
}

void loop_timer_set(struct loop_source *s, uint64_t usec_from_now)
{
	uint64_t now = time_mono_usec();

	s->deadline = now + usec_from_now < now ? UINT64_MAX : now + usec_from_now;
	s->armed = true;
	s->round = s->loop->round;
}

void loop_timer_stop(struct loop_source *s)
{
	s->armed = false;
}

int loop_add_signal(struct loop *l, int signo, loop_signal_fn fn, void *data,
		    struct loop_source **ret)
{
	struct loop_source *s = source_new(l, SRC_SIGNAL, data);
	sigset_t set, old;
	int fd, r;

	if (!s)
		return -ENOMEM;
	s->fn.signal = fn;
	s->signo = signo;
	sigemptyset(&set);
	sigaddset(&set, signo);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return source_finish(s, -errno, ret);
	r = source_watch(s, fd, EPOLLIN);
	if (r < 0) {
		fd_close(fd);
		return source_finish(s, r, ret);
	}
	sigprocmask(SIG_BLOCK, &set, &old);
	s->was_blocked = sigismember(&old, signo) == 1;
	return source_finish(s, 0, ret);
}

int loop_add_child(struct loop *l, pid_t pid, loop_child_fn fn, void *data,
		   struct loop_source **ret)
{
	struct loop_source *s = source_new(l, SRC_CHILD, data);
	int fd, r;

	if (!s)
		return -ENOMEM;
	s->fn.child = fn;
	s->pid = pid;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return source_finish(s, -errno, ret);
	r = fd_set_cloexec(fd, true);
	if (r == 0)
		r = source_watch(s, fd, EPOLLIN);
	if (r < 0)
		fd_close(fd);
	return source_finish(s, r, ret);
}

int loop_add_defer(struct loop *l, loop_fn fn, void *data, struct loop_source **ret)
{
	struct loop_source *s = source_new(l, SRC_DEFER, data);

	if (!s)
		return -ENOMEM;
	s->fn.plain = fn;
	s->armed = true;
	s->round = l->round;
	return source_finish(s, 0, ret);
}

static void dispatch_signal(struct loop_source *s)
{
	struct signalfd_siginfo ssi;

	while (!s->dead && read(s->fd, &ssi, sizeof(ssi)) == (ssize_t)sizeof(ssi)) {
		siginfo_t si = { 0 };

		si.si_signo = (int)ssi.ssi_signo;
		si.si_code = ssi.ssi_code;
		si.si_pid = (pid_t)ssi.ssi_pid;
		si.si_uid = ssi.ssi_uid;
		si.si_status = ssi.ssi_status;
		s->fn.signal(s, &si, s->data);
	}
}

/* The status that wait(2) would give, from what waitid(2) says. */
static int wait_status_of(const siginfo_t *si)
{
	if (si->si_code == CLD_EXITED)
		return (si->si_status & 0xff) << 8;
	return (si->si_status & 0x7f) | (si->si_code == CLD_DUMPED ? 0x80 : 0);
}

static void dispatch_child(struct loop_source *s)
{
	siginfo_t si = { 0 };
	int status = 0;

	if (waitid((idtype_t)P_PIDFD, (id_t)s->fd, &si, WEXITED | WNOHANG) == 0) {
		if (!si.si_pid)
			return;
		status = wait_status_of(&si);
	}
	s->fn.child(s, s->pid, status, s->data);
	loop_source_free(s);
}

static void dispatch_event(const struct epoll_event *ev)
{
	struct loop_source *s = ev->data.ptr;

	if (s->dead)
		return;
	switch (s->type) {
	case SRC_IO:
		s->fn.io(s, s->fd, ev->events, s->data);
		break;
	case SRC_SIGNAL:
		dispatch_signal(s);
		break;
	case SRC_CHILD:
		dispatch_child(s);
		break;
	case SRC_TIMER:
	case SRC_DEFER:
		break;
	}
}

/*
 * Runs what is due among timers and defers. What is armed during the round waits for the next one, so a defer that adds a defer
 * does not starve descriptors. Callbacks may free any source: a marker in the list keeps our place.
 */
static int dispatch_due(struct loop *l)
{
	struct loop_source marker = { .loop = l, .type = SRC_DEFER };
	uint64_t now = time_mono_usec(), round = ++l->round;
	struct list *pos;
	int n = 0;

	for (pos = l->sources.next; pos != &l->sources;) {
		struct loop_source *s = list_entry(pos, struct loop_source, link);

		if (!s->armed || s->round >= round || (s->type == SRC_TIMER && s->deadline > now)) {
			pos = pos->next;
			continue;
		}
		s->armed = false;
		list_add_tail(pos->next, &marker.link);
		s->fn.plain(s, s->data);
		if (s->type == SRC_DEFER)
			loop_source_free(s);
		n++;
		pos = marker.link.next;
		list_del(&marker.link);
	}
	return n;
}

/* Milliseconds until something is due; rounded up, so that a timer never fires early in a busy loop. */
static int due_timeout(struct loop *l, int timeout_ms)
{
	uint64_t now = time_mono_usec(), best = UINT64_MAX;
	struct list *pos;

	list_for_each(pos, &l->sources) {
		struct loop_source *s = list_entry(pos, struct loop_source, link);

		if (!s->armed)
			continue;
		if (s->type == SRC_DEFER || s->deadline <= now)
			return 0;
		if (s->deadline < best)
			best = s->deadline;
	}
	if (best != UINT64_MAX) {
		uint64_t ms = (best - now + 999) / 1000;

		if (timeout_ms < 0 || ms < (uint64_t)timeout_ms)
			timeout_ms = ms > 60000 ? 60000 : (int)ms;
	}
	return timeout_ms;
}

int loop_step(struct loop *l, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_ROUND];
	int n, due;

	n = epoll_wait(l->epfd, events, EVENTS_PER_ROUND, due_timeout(l, timeout_ms));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	l->depth++;
	for (int i = 0; i < n; i++)
		dispatch_event(&events[i]);
	due = dispatch_due(l);
	if (--l->depth == 0)
		reap_dead(l);
	return n + due;
}

int loop_run(struct loop *l)
{
	l->exiting = false;
	while (!l->exiting) {
		int r = loop_step(l, -1);

		if (r < 0)
			return r;
	}
	return l->exit_code;
}
