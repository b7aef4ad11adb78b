/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/hybrid.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/parse.h"
#include "base/relay.h"
#include "base/strbuf.h"

#define BACKLOG 16

struct hybrid {
	struct loop *loop;
	char *path;
	int fd;
	struct loop_source *accept;
	hybrid_connect_fn connect;
	void *data;
	struct list clients;
	size_t n_clients;
};

enum { TO_GUEST, TO_HOST, WAYS };

struct client {
	struct list link;
	struct hybrid *h; /* NULL: it is gone, and a connect is still under way */
	/* Each way has descriptors of its own, since one loop watches a descriptor once. */
	int host[WAYS], guest[WAYS];
	struct loop_source *io;
	char line[HYBRID_LINE_MAX];
	size_t len;
	bool connecting;
	struct relay *relay[WAYS];
	bool ended[WAYS];
};

static void client_close(struct client *c)
{
	c->io = loop_source_free(c->io);
	for (int i = 0; i < WAYS; i++) {
		c->relay[i] = relay_free(c->relay[i]);
		c->host[i] = fd_close(c->host[i]);
		c->guest[i] = fd_close(c->guest[i]);
	}
	if (c->h) {
		list_del(&c->link);
		c->h->n_clients--;
		c->h = NULL;
	}
	if (!c->connecting)
		free(c);
}

/* ---- joined ---- */

/* The end of one way is told to the other side; a side that takes no more ends both. */
static void on_way_end(struct relay *r, enum relay_end how, void *data)
{
	struct client *c = data;
	int way = r == c->relay[TO_GUEST] ? TO_GUEST : TO_HOST;

	c->ended[way] = true;
	if (how == RELAY_BROKEN || (c->ended[TO_GUEST] && c->ended[TO_HOST])) {
		client_close(c);
		return;
	}
	(void)shutdown(way == TO_GUEST ? c->guest[way] : c->host[way], SHUT_WR);
}

static int join(struct client *c)
{
	struct relay_params p = {
		.loop = c->h->loop, .own_in = true, .own_out = true, .fn = on_way_end, .data = c
	};
	int r = 0;

	c->host[TO_HOST] = fcntl(c->host[TO_GUEST], F_DUPFD_CLOEXEC, 3);
	c->guest[TO_HOST] = fcntl(c->guest[TO_GUEST], F_DUPFD_CLOEXEC, 3);
	if (c->host[TO_HOST] < 0 || c->guest[TO_HOST] < 0)
		return -errno;
	p.in = c->host[TO_GUEST];
	p.out = c->guest[TO_GUEST];
	r = relay_new(&p, &c->relay[TO_GUEST], NULL);
	p.in = c->guest[TO_HOST];
	p.out = c->host[TO_HOST];
	return r < 0 ? r : relay_new(&p, &c->relay[TO_HOST], NULL);
}

static void on_connected(int fd, const struct error *err, void *data)
{
	static const char ok[] =
		"OK 1024\n"; /* the number of the host's end, which nobody can use */
	struct client *c = data;

	c->connecting = false;
	if (!c->h) {
		fd_close(fd);
		free(c);
		return;
	}
	c->guest[TO_GUEST] = fd;
	/* A new socket has room for a line. */
	if (fd < 0 ||
	    send(c->host[TO_GUEST], ok, sizeof(ok) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(ok) - 1 ||
	    join(c) < 0)
		client_close(c);
}

/* ---- the line ---- */

static void take_line(struct client *c)
{
	const char *number;
	uint32_t port = 0;

	c->line[c->len] = '\0';
	number = str_after(c->line, "CONNECT ");
	c->io = loop_source_free(c->io);
	if (!number || parse_u32(number, 10, &port) < 0 || port == 0 || port == UINT32_MAX) {
		client_close(c);
		return;
	}
	c->connecting = true;
	if (c->h->connect(c->h->data, port, HYBRID_CONNECT_MS, on_connected, c) < 0) {
		c->connecting = false;
		client_close(c);
	}
}

/* Byte by byte: what follows the line is the guest's. */
static void on_line(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct client *c = data;
	ssize_t n;

	for (;;) {
		n = read(fd, c->line + c->len, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0 || (c->line[c->len] != '\n' && c->len + 1 == sizeof(c->line))) {
			client_close(c);
			return;
		}
		if (c->line[c->len] == '\n') {
			take_line(c);
			return;
		}
		c->len++;
	}
}

/* ---- clients ---- */

static void on_accept(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct hybrid *h = data;
	_cleanup_fd_ int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	if (conn < 0 || h->n_clients >= HYBRID_MAX_CLIENTS)
		return;
	c = new0(struct client);
	if (!c)
		return;
	c->h = h;
	c->host[TO_HOST] = c->guest[TO_GUEST] = c->guest[TO_HOST] = -1;
	c->host[TO_GUEST] = fd_steal(&conn);
	list_add_tail(&h->clients, &c->link);
	h->n_clients++;
	if (loop_add_io(h->loop, c->host[TO_GUEST], EPOLLIN, on_line, c, &c->io) < 0)
		client_close(c);
}

int hybrid_new(struct loop *loop, const char *path, hybrid_connect_fn connect, void *data,
	       struct hybrid **ret, struct error *err)
{
	struct hybrid *h = new0(struct hybrid);
	int r;

	if (!h)
		return error_oom(err);
	h->loop = loop;
	h->connect = connect;
	h->data = data;
	h->fd = -1;
	list_init(&h->clients);
	r = fd_unix_listen(path, BACKLOG, &h->fd, err);
	if (r == 0) {
		h->path = strdup(path);
		r = h->path ? fd_set_nonblock(h->fd, true) : -ENOMEM;
		if (r == 0)
			r = loop_add_io(loop, h->fd, EPOLLIN, on_accept, h, &h->accept);
		if (r < 0)
			error_sys(err, r, "%s", path);
	}
	if (r < 0) {
		hybrid_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

struct hybrid *hybrid_free(struct hybrid *h)
{
	if (!h)
		return NULL;
	while (!list_empty(&h->clients))
		client_close(list_entry(h->clients.next, struct client, link));
	loop_source_free(h->accept);
	fd_close(h->fd);
	if (h->path)
		unlink(h->path);
	free(h->path);
	free(h);
	return NULL;
}
