/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/transport.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/vm_sockets.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/time.h"

#define LISTEN_BACKLOG 64
/* Longest line that a hybrid vsock answers: "OK 4294967295\n". */
#define GREETING_MAX 32

/* ---- addresses ---- */

static int bad_addr(struct error *err, const char *text, const char *why)
{
	return error_set(err, -EINVAL, "address \"%s\": %s", text, why);
}

/* Splits "HEAD:PORT" at the last colon. */
static int split_port(const char *text, const char *rest, struct transport_addr *a, char *head,
		      size_t size, struct error *err)
{
	const char *colon = strrchr(rest, ':');
	size_t n;

	if (!colon)
		return bad_addr(err, text, "port is missing");
	if (parse_u32(colon + 1, 10, &a->port) < 0 || a->port == 0 || a->port == VMADDR_PORT_ANY)
		return bad_addr(err, text, "port must be a number from 1 to 4294967294");
	n = colon - rest;
	if (n == 0 || n >= size)
		return bad_addr(err, text, n == 0 ? "nothing before the port" : "too long");
	memcpy(head, rest, n);
	head[n] = '\0';
	return 0;
}

static int parse_vsock(const char *text, const char *rest, struct transport_addr *a,
		       struct error *err)
{
	char cid[16];
	int r;

	r = split_port(text, rest, a, cid, sizeof(cid), err);
	if (r < 0)
		return r;
	if (str_eq(cid, "-1") || str_eq(cid, "any"))
		a->cid = VMADDR_CID_ANY;
	else if (parse_u32(cid, 10, &a->cid) < 0)
		return bad_addr(err, text, "CID must be a number, or -1 for any");
	return 0;
}

int transport_addr_parse(const char *text, struct transport_addr *ret, struct error *err)
{
	struct transport_addr a = { .kind = TRANSPORT_UNIX };
	const char *rest;
	int r = 0;

	rest = str_after(text, "vsock://");
	if (rest) {
		a.kind = TRANSPORT_VSOCK;
		r = parse_vsock(text, rest, &a, err);
	} else if ((rest = str_after(text, "hvsock://"))) {
		a.kind = TRANSPORT_HVSOCK;
		r = split_port(text, rest, &a, a.path, sizeof(a.path), err);
	} else if ((rest = str_after(text, "unix://"))) {
		if (!*rest || str_eq(rest, "@"))
			return bad_addr(err, text, "path is missing");
		if (strlen(rest) >= sizeof(a.path))
			return bad_addr(err, text, "too long");
		memcpy(a.path, rest, strlen(rest) + 1);
	} else {
		return bad_addr(err, text, "must begin with vsock://, unix:// or hvsock://");
	}
	if (r == 0)
		*ret = a;
	return r;
}

/* "@name": Linux's abstract names have a NUL in place of the @ and no end of string. */
static int abstract_addr(const char *path, struct sockaddr_un *sun, socklen_t *len,
			 struct error *err)
{
	size_t n = strlen(path);

	if (n > sizeof(sun->sun_path))
		return error_set(err, -ENAMETOOLONG, "%s: abstract names have at most %zu bytes",
				 path, sizeof(sun->sun_path) - 1);
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path + 1, path + 1, n - 1);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	return 0;
}

static void vsock_addr(const struct transport_addr *a, struct sockaddr_vm *svm)
{
	memset(svm, 0, sizeof(*svm));
	svm->svm_family = AF_VSOCK;
	svm->svm_cid = a->cid;
	svm->svm_port = a->port;
}

static int stream_socket(int family, int *ret_fd, struct error *err)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return error_sys(err, -errno, "%s socket", family == AF_VSOCK ? "vsock" : "Unix");
	*ret_fd = fd;
	return 0;
}

/* ---- listening ---- */

static int bind_listen(int fd, const struct sockaddr *sa, socklen_t len, const char *what,
		       struct error *err)
{
	if (bind(fd, sa, len) < 0)
		return error_sys(err, -errno, "bind %s", what);
	if (listen(fd, LISTEN_BACKLOG) < 0)
		return error_sys(err, -errno, "listen on %s", what);
	return 0;
}

static int listen_vsock(const struct transport_addr *a, int *ret_fd, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_vm svm;
	char what[48];
	int r;

	r = stream_socket(AF_VSOCK, &fd, err);
	if (r < 0)
		return r;
	vsock_addr(a, &svm);
	(void)snprintf(what, sizeof(what), "vsock port %u", a->port);
	r = bind_listen(fd, (struct sockaddr *)&svm, sizeof(svm), what, err);
	if (r == 0)
		*ret_fd = fd_steal(&fd);
	return r;
}

static int listen_unix(const struct transport_addr *a, int *ret_fd, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un sun;
	socklen_t len = 0;
	int r;

	if (a->path[0] == '@') {
		r = abstract_addr(a->path, &sun, &len, err);
		if (r == 0)
			r = stream_socket(AF_UNIX, &fd, err);
		if (r == 0)
			r = bind_listen(fd, (struct sockaddr *)&sun, len, a->path, err);
	} else {
		r = fd_unix_listen(a->path, LISTEN_BACKLOG, &fd, err);
		if (r == 0)
			r = fd_set_nonblock(fd, true);
	}
	if (r == 0)
		*ret_fd = fd_steal(&fd);
	return r;
}

int transport_listen(const struct transport_addr *a, int *ret_fd, struct error *err)
{
	switch (a->kind) {
	case TRANSPORT_VSOCK:
		return listen_vsock(a, ret_fd, err);
	case TRANSPORT_UNIX:
		return listen_unix(a, ret_fd, err);
	default:
		return error_set(err, -EOPNOTSUPP,
				 "cannot listen on a hybrid vsock: listen on unix://PATH_PORT");
	}
}

/* ---- connecting ---- */

enum dial_state { DIAL_CONNECTING, DIAL_GREETING, DIAL_DONE };

/* One connection being made; driven by poll(2) or by the loop. */
struct dial {
	struct transport_addr addr;
	enum dial_state state;
	int fd;
	char line[GREETING_MAX];
	size_t line_len;
};

static int connect_unix(const struct transport_addr *a, int *ret_fd, struct error *err)
{
	_cleanup_fd_ int fd = -1;
	struct sockaddr_un sun;
	socklen_t len = 0;
	int r;

	if (a->path[0] == '@') {
		r = abstract_addr(a->path, &sun, &len, err);
		if (r == 0)
			r = stream_socket(AF_UNIX, &fd, err);
		if (r == 0 && connect(fd, (struct sockaddr *)&sun, len) < 0)
			r = error_sys(err, -errno, "connect to %s", a->path);
	} else {
		r = fd_unix_connect(a->path, &fd, err);
		if (r == 0)
			r = fd_set_nonblock(fd, true);
	}
	if (r == 0)
		*ret_fd = fd_steal(&fd);
	return r;
}

static int vsock_error(const struct transport_addr *a, int r, struct error *err)
{
	return error_sys(err, r, "connect to vsock %u:%u", a->cid, a->port);
}

static int greet(struct dial *d, struct error *err)
{
	char line[GREETING_MAX];
	int n = snprintf(line, sizeof(line), "CONNECT %u\n", d->addr.port);
	/* A new socket has room for a line. */
	ssize_t sent = send(d->fd, line, (size_t)n, MSG_NOSIGNAL);

	if (sent != n)
		return error_sys(err, sent < 0 ? -errno : -EIO, "%s: write", d->addr.path);
	d->state = DIAL_GREETING;
	return 0;
}

static int dial_begin(struct dial *d, const struct transport_addr *a, struct error *err)
{
	struct sockaddr_vm svm;
	int r;

	d->addr = *a;
	d->fd = -1;
	d->line_len = 0;
	if (a->kind != TRANSPORT_VSOCK) {
		r = connect_unix(a, &d->fd, err);
		d->state = DIAL_DONE;
		if (r == 0 && a->kind == TRANSPORT_HVSOCK)
			r = greet(d, err);
	} else {
		r = stream_socket(AF_VSOCK, &d->fd, err);
		if (r < 0)
			return r;
		vsock_addr(a, &svm);
		d->state = DIAL_DONE;
		if (connect(d->fd, (struct sockaddr *)&svm, sizeof(svm)) < 0) {
			d->state = DIAL_CONNECTING;
			if (errno != EINPROGRESS)
				r = vsock_error(a, -errno, err);
		}
	}
	if (r < 0)
		d->fd = fd_close(d->fd);
	return r;
}

static int finish_connect(struct dial *d, struct error *err)
{
	socklen_t len = sizeof(int);
	int soerr = 0;

	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &soerr, &len) < 0)
		soerr = errno;
	if (soerr)
		return vsock_error(&d->addr, -soerr, err);
	d->state = DIAL_DONE;
	return 0;
}

/* Byte by byte: what follows the line belongs to the stream. */
static int read_greeting(struct dial *d, struct error *err)
{
	const char *path = d->addr.path;
	ssize_t n;

	for (;;) {
		n = read(d->fd, d->line + d->line_len, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return error_sys(err, -errno, "%s: read", path);
		if (n == 0)
			return error_set(err, -ECONNREFUSED, "%s: nothing listens on port %u", path,
					 d->addr.port);
		if (d->line[d->line_len] == '\n')
			break;
		if (++d->line_len == sizeof(d->line))
			return error_set(err, -EPROTO, "%s: answer to CONNECT is too long", path);
	}
	d->line[d->line_len] = '\0';
	if (!str_after(d->line, "OK "))
		return error_set(err, -ECONNREFUSED, "%s: CONNECT %u was answered \"%s\"", path,
				 d->addr.port, d->line);
	d->state = DIAL_DONE;
	return 0;
}

static int dial_step(struct dial *d, struct error *err)
{
	if (d->state == DIAL_CONNECTING)
		return finish_connect(d, err);
	if (d->state == DIAL_GREETING)
		return read_greeting(d, err);
	return 0;
}

static int timed_out(const struct dial *d, struct error *err)
{
	if (d->addr.kind == TRANSPORT_VSOCK)
		return error_set(err, -ETIMEDOUT, "vsock %u:%u: no connection in time", d->addr.cid,
				 d->addr.port);
	return error_set(err, -ETIMEDOUT, "%s: no connection in time", d->addr.path);
}

/* 1 when the next step can be done, 0 to ask again, -ETIMEDOUT. */
static int dial_wait(const struct dial *d, uint64_t deadline, struct error *err)
{
	struct pollfd p = { .fd = d->fd, .events = POLLIN };
	uint64_t now = time_mono_usec();
	int r, ms = -1;

	if (d->state == DIAL_CONNECTING)
		p.events = POLLOUT;
	if (deadline) {
		if (now >= deadline)
			return timed_out(d, err);
		ms = (int)MIN((deadline - now) / USEC_PER_MSEC + 1, (uint64_t)60000);
	}
	r = poll(&p, 1, ms);
	if (r < 0 && errno != EINTR)
		return error_sys(err, -errno, "poll");
	return r > 0;
}

int transport_connect(const struct transport_addr *a, uint64_t timeout_ms, int *ret_fd,
		      struct error *err)
{
	uint64_t deadline = 0;
	struct dial d;
	int r;

	if (timeout_ms)
		deadline = time_mono_usec() + MIN(timeout_ms, UINT64_MAX / 4000) * USEC_PER_MSEC;
	r = dial_begin(&d, a, err);
	while (r == 0 && d.state != DIAL_DONE) {
		r = dial_wait(&d, deadline, err);
		if (r > 0)
			r = dial_step(&d, err);
	}
	if (r < 0) {
		fd_close(d.fd);
		return r;
	}
	*ret_fd = d.fd;
	return 0;
}

/* ---- connecting on the loop ---- */

struct transport_dial {
	struct dial dial;
	struct loop_source *io, *timer, *defer;
	transport_dial_fn fn;
	void *data;
};

struct transport_dial *transport_dial_cancel(struct transport_dial *d)
{
	if (!d)
		return NULL;
	loop_source_free(d->io);
	loop_source_free(d->timer);
	loop_source_free(d->defer);
	fd_close(d->dial.fd);
	free(d);
	return NULL;
}

static void dial_finish(struct transport_dial *d, int r, const struct error *err)
{
	transport_dial_fn fn = d->fn;
	void *data = d->data;
	int fd = -1;

	if (r == 0) {
		/* The source must go before its descriptor is someone else's. */
		d->io = loop_source_free(d->io);
		fd = fd_steal(&d->dial.fd);
	}
	transport_dial_cancel(d);
	fn(fd, r < 0 ? err : NULL, data);
}

static void on_dial_io(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct transport_dial *d = data;
	struct error err = ERROR_INIT;
	int r = dial_step(&d->dial, &err);

	if (r < 0 || d->dial.state == DIAL_DONE)
		dial_finish(d, r, &err);
}

static void on_dial_timeout(struct loop_source *s, void *data)
{
	struct transport_dial *d = data;
	struct error err = ERROR_INIT;

	dial_finish(d, timed_out(&d->dial, &err), &err);
}

static void on_dial_done(struct loop_source *s, void *data)
{
	struct transport_dial *d = data;

	d->defer = NULL;
	dial_finish(d, 0, NULL);
}

int transport_dial_start(struct loop *loop, const struct transport_addr *a, uint64_t timeout_ms,
			 transport_dial_fn fn, void *data, struct transport_dial **ret,
			 struct error *err)
{
	struct transport_dial *d = new0(struct transport_dial);
	int r;

	if (!d)
		return error_oom(err);
	d->fn = fn;
	d->data = data;
	r = dial_begin(&d->dial, a, err);
	if (r < 0) {
		free(d);
		return r;
	}
	if (d->dial.state == DIAL_DONE)
		r = loop_add_defer(loop, on_dial_done, d, &d->defer);
	else
		r = loop_add_io(loop, d->dial.fd,
				d->dial.state == DIAL_CONNECTING ? EPOLLOUT : EPOLLIN, on_dial_io,
				d, &d->io);
	if (r == 0 && timeout_ms > 0 && d->io) {
		r = loop_add_timer(loop, on_dial_timeout, d, &d->timer);
		if (r == 0)
			loop_timer_set(d->timer,
				       MIN(timeout_ms, UINT64_MAX / 4000) * USEC_PER_MSEC);
	}
	if (r < 0) {
		transport_dial_cancel(d);
		return error_sys(err, r, "event loop");
	}
	*ret = d;
	return 0;
}
