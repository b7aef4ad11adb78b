/* SPDX-License-Identifier: Apache-2.0 */
#include "hypervisor/qmp.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/list.h"

struct qmp_command {
	struct list list;
	uint64_t id;
	qmp_reply_fn fn;
	void *data;
};

struct qmp {
	struct loop_source *src;
	int fd;
	qmp_event_fn event;
	qmp_end_fn end;
	void *data;
	bool greeted, ready, ended;
	unsigned busy; /* functions on the stack that call back and then go on */
	bool dead;     /* freed meanwhile: the last of them frees the memory */
	uint64_t next_id;
	struct list pending;
	unsigned n_pending;
	struct strbuf in;
	size_t scanned;	   /* bytes of `in` without a newline */
	struct strbuf out; /* commands held back until the negotiation is over */
};

static void drop_commands(struct qmp *q)
{
	struct list *l, *tmp;

	list_for_each_safe(l, tmp, &q->pending) {
		list_del(l);
		free(list_entry(l, struct qmp_command, list));
	}
	q->n_pending = 0;
}

static void release(struct qmp *q)
{
	if (--q->busy || !q->dead)
		return;
	strbuf_release(&q->in);
	strbuf_release(&q->out);
	free(q);
}

/* Ends the connection: open commands fail, then the owner is told. Callers hold `busy`. */
static void end(struct qmp *q, const struct error *err)
{
	q->src = loop_source_free(q->src);
	q->fd = fd_close(q->fd);
	q->ended = true;
	while (!q->dead && !list_empty(&q->pending)) {
		struct qmp_command *c = list_entry(q->pending.next, struct qmp_command, list);
		qmp_reply_fn fn = c->fn;
		void *data = c->data;

		list_del(&c->list);
		q->n_pending--;
		free(c);
		if (fn)
			fn(NULL, err, data);
	}
	if (!q->dead)
		q->end(err, q->data);
}

static int send_text(struct qmp *q, const char *text, size_t len)
{
	/* Commands are short and few; the socket's buffer takes them, or QEMU hangs. */
	ssize_t n = send(q->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int qmp_execute(struct qmp *q, const char *command, const char *args, qmp_reply_fn fn, void *data)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct qmp_command *c;
	int r;

	if (q->ended)
		return -ENOTCONN;
	if (q->n_pending >= QMP_MAX_PENDING)
		return -EBUSY;
	r = strbuf_addf(&sb, "{\"execute\":\"%s\"%s%s,\"id\":%llu}\r\n", command,
			args ? ",\"arguments\":" : "", args ? args : "",
			(unsigned long long)q->next_id);
	if (r < 0)
		return r;
	c = new0(struct qmp_command);
	if (!c)
		return -ENOMEM;
	r = q->ready ? send_text(q, sb.buf, sb.len) : strbuf_add(&q->out, sb.buf, sb.len);
	if (r < 0) {
		free(c);
		return r;
	}
	c->id = q->next_id++;
	c->fn = fn;
	c->data = data;
	list_add_tail(&q->pending, &c->list);
	q->n_pending++;
	return 0;
}

static struct qmp_command *find_command(struct qmp *q, uint64_t id)
{
	struct list *l;

	list_for_each(l, &q->pending) {
		struct qmp_command *c = list_entry(l, struct qmp_command, list);

		if (c->id == id)
			return c;
	}
	return NULL;
}

static int take_greeting(struct qmp *q, const struct json_value *root, struct error *err)
{
	static const char text[] = "{\"execute\":\"qmp_capabilities\"}\r\n";
	int r;

	if (!json_find(root, "QMP"))
		return error_set(err, -EPROTO, "QMP: no greeting");
	q->greeted = true;
	r = send_text(q, text, sizeof(text) - 1);
	return r < 0 ? error_sys(err, r, "QMP") : 0;
}

/* The answer to the negotiation, the only one without an id. */
static int take_ready(struct qmp *q, const struct json_value *root, struct error *err)
{
	int r;

	if (!json_find(root, "return"))
		return error_set(err, -EPROTO, "QMP: the negotiation failed");
	q->ready = true;
	r = q->out.len ? send_text(q, q->out.buf, q->out.len) : 0;
	strbuf_release(&q->out);
	return r < 0 ? error_sys(err, r, "QMP") : 0;
}

static int take_reply(struct qmp *q, const struct json_value *root, struct error *err)
{
	const struct json_value *bad = json_find(root, "error"), *id = json_find(root, "id");
	struct qmp_command *c = NULL;
	struct error cmd_err = ERROR_INIT;
	qmp_reply_fn fn;
	void *data;

	if (id && id->kind == JSON_KIND_INT && id->i >= 0)
		c = find_command(q, (uint64_t)id->i);
	if (!c)
		return error_set(err, -EPROTO, "QMP: an answer to no command");
	fn = c->fn;
	data = c->data;
	list_del(&c->list);
	q->n_pending--;
	free(c);
	if (bad) {
		const char *desc = "no description";

		json_get_string(bad, "desc", &desc, NULL);
		error_set(&cmd_err, -EIO, "%s", desc);
	}
	if (fn)
		fn(json_find(root, "return"), bad ? &cmd_err : NULL, data);
	return 0;
}

/* One document. Callbacks may free q. */
static int take_document(struct qmp *q, const struct json_value *root, struct error *err)
{
	const char *event = NULL;

	if (root->kind != JSON_KIND_OBJECT)
		return error_set(err, -EPROTO, "QMP: not an object");
	if (!q->greeted)
		return take_greeting(q, root, err);
	if (json_get_string(root, "event", &event, err) < 0)
		return -EPROTO;
	if (event) {
		q->event(event, json_find(root, "data"), q->data);
		return 0;
	}
	if (!q->ready)
		return take_ready(q, root, err);
	return take_reply(q, root, err);
}

static int take_line(struct qmp *q, const char *line, size_t len, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	int r;

	while (len && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (!len)
		return 0;
	r = json_doc_parse(line, len, QMP_MAX_LINE, &doc, err);
	if (r < 0)
		return error_prefix(err, "QMP");
	return take_document(q, json_doc_root(doc), err);
}

/* Takes the next complete line out of the buffer: 1, 0 when there is none, -errno. */
static int next_line(struct qmp *q, char **ret, size_t *ret_len, struct error *err)
{
	char *nl = memchr(q->in.buf + q->scanned, '\n', q->in.len - q->scanned);

	if (!nl) {
		q->scanned = q->in.len;
		if (q->in.len <= QMP_MAX_LINE)
			return 0;
		return error_set(err, -EPROTO, "QMP: a line is longer than %u bytes", QMP_MAX_LINE);
	}
	*ret_len = (size_t)(nl - q->in.buf);
	*ret = mem_dup0(q->in.buf, *ret_len);
	if (!*ret)
		return error_oom(err);
	strbuf_consume(&q->in, *ret_len + 1);
	q->scanned = 0;
	return 1;
}

static void take_lines(struct qmp *q)
{
	struct error err = ERROR_INIT;

	while (!q->dead && !q->ended) {
		_cleanup_free_ char *line = NULL;
		size_t len = 0;
		int r = next_line(q, &line, &len, &err);

		if (r > 0)
			r = take_line(q, line, len, &err) < 0 ? -EPROTO : 1;
		if (r < 0 && !q->dead)
			end(q, &err);
		if (r <= 0)
			return;
	}
}

/* Reads once. True when there may be more. Callers hold `busy`. */
static bool read_some(struct qmp *q)
{
	struct error err = ERROR_INIT;
	ssize_t n;

	if (strbuf_grow(&q->in, 4096) < 0) {
		error_oom(&err);
		end(q, &err);
		return false;
	}
	n = recv(q->fd, q->in.buf + q->in.len, 4096, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		error_set(&err, -ENOTCONN, "QMP: the connection ended");
		end(q, &err);
		return false;
	}
	strbuf_setlen(&q->in, q->in.len + (size_t)n);
	take_lines(q);
	return !q->dead && !q->ended;
}

static void on_io(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct qmp *q = data;

	q->busy++;
	read_some(q);
	release(q);
}

void qmp_drain(struct qmp *q)
{
	q->busy++;
	while (!q->ended && read_some(q))
		;
	release(q);
}

int qmp_new(struct loop *loop, int fd, qmp_event_fn event, qmp_end_fn end_fn, void *data,
	    struct qmp **ret)
{
	struct qmp *q = new0(struct qmp);
	int r;

	if (!q)
		return -ENOMEM;
	strbuf_init(&q->in);
	strbuf_init(&q->out);
	list_init(&q->pending);
	q->event = event;
	q->end = end_fn;
	q->data = data;
	r = loop_add_io(loop, fd, EPOLLIN, on_io, q, &q->src);
	if (r < 0) {
		free(q);
		return r;
	}
	q->fd = fd;
	*ret = q;
	return 0;
}

struct qmp *qmp_free(struct qmp *q)
{
	if (!q)
		return NULL;
	q->src = loop_source_free(q->src);
	q->fd = fd_close(q->fd);
	drop_commands(q);
	q->ended = q->dead = true;
	q->busy++;
	release(q);
	return NULL;
}
