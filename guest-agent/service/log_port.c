/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "service/side_port.h"
#include "wire/transport.h"

struct client {
	int fd; /* -1: free */
	struct loop_source *src;
	struct log_port *port;
};

struct log_port {
	struct loop *loop;
	int listen_fd, out_fd;
	int pipe[2]; /* what the log writes; never blocks */
	struct loop_source *accept_src, *pipe_src;
	struct client clients[LOG_PORT_CLIENTS];
};

int side_port_listen(const char *server_addr, uint32_t port, int *ret_fd, struct error *err)
{
	struct transport_addr addr;
	int r = transport_addr_parse(server_addr, &addr, err);

	if (r < 0)
		return r;
	if (addr.kind == TRANSPORT_UNIX) {
		_cleanup_free_ char *path = str_printf("%s_%u", addr.path, port);

		if (!path || strlen(path) >= sizeof(addr.path))
			return error_set(err, -ENAMETOOLONG, "%s: too long", addr.path);
		memcpy(addr.path, path, strlen(path) + 1);
	}
	addr.port = port;
	return transport_listen(&addr, ret_fd, err);
}

static void client_drop(struct client *c)
{
	c->src = loop_source_free(c->src);
	c->fd = fd_close(c->fd);
}

/* Clients have nothing to say: this is their end. */
static void on_client(struct loop_source *s, int fd, uint32_t events, void *data)
{
	char buf[256];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		client_drop(data);
}

static void on_accept(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct log_port *p = data;
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; conn >= 0 && i < LOG_PORT_CLIENTS; i++) {
		struct client *c = &p->clients[i];

		if (c->fd >= 0)
			continue;
		if (loop_add_io(p->loop, conn, EPOLLIN, on_client, c, &c->src) == 0)
			c->fd = fd_steal(&conn);
		break;
	}
	fd_close(conn);
}

static void forward(struct log_port *p)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(p->pipe[0], buf, sizeof(buf))) > 0) {
		(void)!write(p->out_fd, buf, (size_t)n);
		for (size_t i = 0; i < LOG_PORT_CLIENTS; i++)
			if (p->clients[i].fd >= 0)
				send(p->clients[i].fd, buf, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
}

static void on_pipe(struct loop_source *s, int fd, uint32_t events, void *data)
{
	forward(data);
}

int log_port_new(struct loop *loop, const char *server_addr, uint32_t port, int out_fd,
		 struct log_port **ret, int *ret_log_fd, struct error *err)
{
	struct log_port *p = new0(struct log_port);
	int r;

	if (!p)
		return error_oom(err);
	p->loop = loop;
	p->listen_fd = p->pipe[0] = p->pipe[1] = -1;
	p->out_fd = out_fd;
	for (size_t i = 0; i < LOG_PORT_CLIENTS; i++)
		p->clients[i] = (struct client){ .fd = -1, .port = p };
	r = fd_pipe(p->pipe, O_NONBLOCK);
	if (r == 0)
		r = loop_add_io(loop, p->pipe[0], EPOLLIN, on_pipe, p, &p->pipe_src);
	if (r < 0)
		error_sys(err, r, "cannot make the log port");
	if (r == 0)
		r = side_port_listen(server_addr, port, &p->listen_fd, err);
	if (r == 0)
		r = loop_add_io(loop, p->listen_fd, EPOLLIN, on_accept, p, &p->accept_src);
	if (r < 0) {
		log_port_free(p);
		return r;
	}
	*ret = p;
	*ret_log_fd = p->pipe[1];
	return 0;
}

struct log_port *log_port_free(struct log_port *p)
{
	if (!p)
		return NULL;
	if (p->pipe[0] >= 0)
		forward(p);
	for (size_t i = 0; i < LOG_PORT_CLIENTS; i++)
		client_drop(&p->clients[i]);
	loop_source_free(p->accept_src);
	loop_source_free(p->pipe_src);
	fd_close(p->listen_fd);
	fd_close(p->pipe[0]);
	fd_close(p->pipe[1]);
	free(p);
	return NULL;
}
