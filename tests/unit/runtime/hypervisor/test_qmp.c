/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "hypervisor/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

struct fixture {
	struct loop *loop;
	struct qmp *q;
	int fd; /* QEMU's end */
	char said[4096], event[64], reason[64], status[64];
	struct error end, reply;
	int n_replies;
	bool free_in_event;
};

static void on_event(const char *name, const struct json_value *info, void *data)
{
	struct fixture *f = data;
	const char *reason = "";

	snprintf(f->event, sizeof(f->event), "%s", name);
	if (info)
		json_get_string(info, "reason", &reason, NULL);
	snprintf(f->reason, sizeof(f->reason), "%s", reason);
	if (f->free_in_event)
		f->q = qmp_free(f->q);
}

static void on_end(const struct error *err, void *data)
{
	((struct fixture *)data)->end = *err;
}

static void on_reply(const struct json_value *ret, const struct error *err, void *data)
{
	struct fixture *f = data;
	const char *s = "";

	f->n_replies++;
	error_clear(&f->reply);
	if (err)
		f->reply = *err;
	if (ret)
		json_get_string(ret, "status", &s, NULL);
	snprintf(f->status, sizeof(f->status), "%s", s);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int sv[2];

	if (!f || loop_new(&f->loop) < 0 || fd_socketpair(sv, 0) < 0)
		return -1;
	f->fd = sv[0];
	fd_set_nonblock(f->fd, true);
	*state = f;
	return qmp_new(f->loop, sv[1], on_event, on_end, f, &f->q);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	qmp_free(f->q);
	fd_close(f->fd);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void steps(struct fixture *f)
{
	for (int i = 0; i < 10; i++)
		loop_step(f->loop, 0);
}

static void say(struct fixture *f, const char *text)
{
	assert_int_equal(fd_write_full(f->fd, text, strlen(text)), 0);
	steps(f);
}

static void heard(struct fixture *f, const char *want)
{
	ssize_t n = read(f->fd, f->said, sizeof(f->said) - 1);

	assert_true(n >= 0);
	f->said[n] = '\0';
	assert_string_equal(f->said, want);
}

static void test_session(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(qmp_execute(f->q, "query-status", NULL, on_reply, f), 0);
	steps(f);
	assert_int_equal(read(f->fd, f->said, 1), -1); /* nothing before the greeting */
	say(f, GREETING);
	heard(f, "{\"execute\":\"qmp_capabilities\"}\r\n");
	say(f, "{\"return\": {}}\r\n");
	heard(f, "{\"execute\":\"query-status\",\"id\":0}\r\n");
	/* an event between, the answer in pieces */
	say(f, "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": \"guest-reset\"}}\r\n{\"return\"");
	assert_string_equal(f->event, "SHUTDOWN");
	assert_string_equal(f->reason, "guest-reset");
	assert_int_equal(f->n_replies, 0);
	say(f, ": {\"status\": \"running\"}, \"id\": 0}\r\n");
	assert_int_equal(f->n_replies, 1);
	assert_int_equal(f->reply.code, 0);
	assert_string_equal(f->status, "running");

	assert_int_equal(qmp_execute(f->q, "cont", "{\"x\":1}", on_reply, f), 0);
	heard(f, "{\"execute\":\"cont\",\"arguments\":{\"x\":1},\"id\":1}\r\n");
	say(f, "{\"id\": 1, \"error\": {\"class\": \"GenericError\", \"desc\": \"no way\"}}\r\n");
	assert_int_equal(f->n_replies, 2);
	assert_int_equal(f->reply.code, -EIO);
	assert_string_equal(f->reply.msg, "no way");

	qmp_execute(f->q, "stop", NULL, on_reply, f);
	f->fd = fd_close(f->fd);
	steps(f);
	assert_int_equal(f->n_replies, 3);
	assert_int_equal(f->reply.code, -ENOTCONN);
	assert_string_equal(f->end.msg, "QMP: the connection ended");
	assert_int_equal(qmp_execute(f->q, "stop", NULL, on_reply, f), -ENOTCONN);
}

static void test_no_greeting(void **state)
{
	struct fixture *f = *state;

	say(f, "{\"return\": {}}\r\n");
	assert_string_equal(f->end.msg, "QMP: no greeting");
}

static void test_negotiation_fails(void **state)
{
	struct fixture *f = *state;

	say(f, GREETING "{\"error\": {}}\r\n");
	assert_string_equal(f->end.msg, "QMP: the negotiation failed");
}

static void test_not_json(void **state)
{
	struct fixture *f = *state;

	say(f, GREETING "{]\r\n");
	assert_int_equal(strncmp(f->end.msg, "QMP: line 1 column ", 19), 0);
}

static void test_not_an_object(void **state)
{
	struct fixture *f = *state;

	say(f, "[]\r\n");
	assert_string_equal(f->end.msg, "QMP: not an object");
}

static void test_wrong_id(void **state)
{
	struct fixture *f = *state;

	say(f, GREETING "{\"return\": {}}\r\n{\"return\": {}, \"id\": 5}\r\n");
	assert_string_equal(f->end.msg, "QMP: an answer to no command");
}

static void test_long_line(void **state)
{
	struct fixture *f = *state;
	static char buf[4096];

	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 300 && !f->end.code; i++) {
		assert_true(write(f->fd, buf, sizeof(buf)) > 0 || f->end.code);
		loop_step(f->loop, 0);
	}
	assert_string_equal(f->end.msg, "QMP: a line is longer than 1048576 bytes");
}

static void test_free_in_event(void **state)
{
	struct fixture *f = *state;

	f->free_in_event = true;
	say(f, GREETING "{\"return\": {}}\r\n{\"event\": \"STOP\"}\r\n{\"event\": \"RESUME\"}\r\n");
	assert_null(f->q);
	assert_string_equal(f->event, "STOP");
}

static void test_too_many(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < QMP_MAX_PENDING; i++)
		assert_int_equal(qmp_execute(f->q, "cont", NULL, NULL, NULL), 0);
	assert_int_equal(qmp_execute(f->q, "cont", NULL, NULL, NULL), -EBUSY);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_session),   T(test_no_greeting),	  T(test_negotiation_fails),
		T(test_not_json),  T(test_not_an_object), T(test_wrong_id),
		T(test_long_line), T(test_free_in_event), T(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
