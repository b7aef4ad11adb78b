/* SPDX-License-Identifier: Apache-2.0 */
/* Processes and their streams. */
#include "support/cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/strbuf.h"
#include "unit/guest-agent/service/agent_tests.h"

/* xorshift64: bytes that do not repeat in any length that matters here. */
static void fill(uint8_t *buf, size_t n)
{
	uint64_t x = 88172645463325252ULL;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		buf[i] = (uint8_t)x;
	}
}

struct pump {
	const uint8_t *data;
	size_t len, sent;
	bool closed, eof, failed;
	struct strbuf got;
	const char *cid, *exec_id;
};

static void pump_write(struct pump *p);
static void pump_read(struct pump *p);

static void on_wrote(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		     void *data)
{
	struct pump *p = data;

	if (code != TTRPC_OK) {
		p->failed = true;
		return;
	}
	if (!p->closed)
		pump_write(p);
}

static void pump_write(struct pump *p)
{
	Grpc__WriteStreamRequest w = GRPC__WRITE_STREAM_REQUEST__INIT;
	size_t n = p->len - p->sent < 200000 ? p->len - p->sent : 200000;

	if (!n) {
		Grpc__CloseStdinRequest c = GRPC__CLOSE_STDIN_REQUEST__INIT;

		c.container_id = (char *)p->cid;
		c.exec_id = (char *)p->exec_id;
		p->closed = true;
		p->failed |= ttrpc_client_call(client.ttrpc, "grpc.AgentService", "CloseStdin",
					       &c.base, &google__protobuf__empty__descriptor, 0,
					       on_wrote, p, NULL) < 0;
		return;
	}
	w.container_id = (char *)p->cid;
	w.exec_id = (char *)p->exec_id;
	w.data.data = (uint8_t *)p->data + p->sent;
	w.data.len = n;
	p->sent += n;
	p->failed |= ttrpc_client_call(client.ttrpc, "grpc.AgentService", "WriteStdin", &w.base,
				       &grpc__write_stream_response__descriptor, 0, on_wrote, p,
				       NULL) < 0;
}

static void on_data(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		    void *data)
{
	const Grpc__ReadStreamResponse *r = (const Grpc__ReadStreamResponse *)resp;
	struct pump *p = data;

	if (code != TTRPC_OK) {
		p->failed = true;
	} else if (!r->data.len) {
		p->eof = true;
	} else {
		strbuf_add(&p->got, r->data.data, r->data.len);
		pump_read(p);
	}
}

static void pump_read(struct pump *p)
{
	Grpc__ReadStreamRequest r = GRPC__READ_STREAM_REQUEST__INIT;

	r.container_id = (char *)p->cid;
	r.exec_id = (char *)p->exec_id;
	r.len = 32768;
	p->failed |=
		ttrpc_client_call(client.ttrpc, "grpc.AgentService", "ReadStdout", &r.base,
				  &grpc__read_stream_response__descriptor, 0, on_data, p, NULL) < 0;
}

void test_cat(void **state)
{
	char *args[] = { (char *)"cat", NULL };
	struct pump p = { .len = 4u << 20, .cid = "cat", .exec_id = "", .got = STRBUF_INIT };
	uint8_t *data = malloc(p.len);
	struct error err = ERROR_INIT;
	struct test_spec s;

	assert_non_null(data);
	fill(data, p.len);
	p.data = data;
	test_spec_init(&s, &client, args);
	assert_int_equal(agent_create(&client, "cat", &s, &err), TTRPC_OK);
	assert_int_equal(agent_start(&client, "cat", &err), TTRPC_OK);
	pump_read(&p);
	pump_write(&p);
	while (!p.eof && !p.failed)
		assert_true(loop_step(client.loop, 30000) > 0);
	assert_false(p.failed);
	assert_int_equal(p.got.len, p.len);
	assert_memory_equal(p.got.buf, data, p.len);
	assert_int_equal(agent_wait(&client, "cat", ""), 0);
	assert_int_equal(agent_remove(&client, "cat", 0), TTRPC_OK);
	strbuf_release(&p.got);
	free(data);
}

void start_sleeper(const char *cid)
{
	char *args[] = { (char *)"sleep", (char *)"1000", NULL };
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_create(&client, cid, &s, &err), TTRPC_OK);
	assert_int_equal(agent_start(&client, cid, &err), TTRPC_OK);
}

static void exec_process(Grpc__Process *p, Grpc__User *u, char **args)
{
	static char *env[] = { (char *)"PATH=/bin", (char *)"X=y" };

	grpc__process__init(p);
	grpc__user__init(u);
	p->user = u;
	p->args = args;
	while (args[p->n_args])
		p->n_args++;
	p->env = env;
	p->n_env = 2;
	p->cwd = (char *)"/tmp";
}

void test_exec(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"pwd; echo $X; read a; echo got $a; exit 9", NULL };
	char *nope[] = { (char *)"/nope", NULL };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	Grpc__Process p;
	Grpc__User u;

	start_sleeper("e1");
	exec_process(&p, &u, args);
	assert_int_equal(agent_exec(&client, "e1", "ex", &p, &err), TTRPC_OK);
	assert_int_equal(agent_exec(&client, "e1", "ex", &p, &err), TTRPC_ALREADY_EXISTS);
	assert_int_equal(agent_write(&client, "e1", "ex", "word\n", 5), 5);
	assert_int_equal(agent_read_all(&client, "e1", "ex", false, &out), 0);
	assert_string_equal(out.buf, "/tmp\ny\ngot word\n");
	assert_int_equal(agent_wait(&client, "e1", "ex"), 9);
	/* Again: an answer that was given once can be asked for again, until the id is used anew. */
	assert_int_equal(agent_wait(&client, "e1", "ex"), 9);
	strbuf_reset(&out);
	agent_read_all(&client, "e1", "ex", true, &out);
	assert_int_equal(agent_exec(&client, "e1", "ex", &p, &err), TTRPC_OK);
	assert_int_equal(agent_signal(&client, "e1", "ex", SIGTERM), TTRPC_OK);
	assert_int_equal(agent_wait(&client, "e1", "ex"), 128 + SIGTERM);
	exec_process(&p, &u, nope);
	assert_int_equal(agent_exec(&client, "e1", "ex2", &p, &err), TTRPC_NOT_FOUND);
	assert_string_equal(err.msg, "container \"e1\": exec \"/nope\": No such file or directory");
	assert_int_equal(agent_wait(&client, "e1", "ex2"), -TTRPC_NOT_FOUND);
	assert_int_equal(agent_remove(&client, "e1", 5), TTRPC_OK);
	assert_int_equal(agent_exec(&client, "e1", "ex3", &p, &err), TTRPC_NOT_FOUND);
	strbuf_release(&out);
}

void test_signals(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"trap 'echo hup' HUP; trap 'exit 7' TERM; echo ready;"
				 "while true; do sleep 0.05; done",
			 NULL };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	/* No handler: as the first process it would ignore SIGTERM, so it is killed. */
	start_sleeper("s1");
	assert_int_equal(agent_signal(&client, "s1", "s1", SIGTERM), TTRPC_OK);
	assert_int_equal(agent_wait(&client, "s1", "s1"), 137);
	assert_int_equal(agent_signal(&client, "s1", "s1", SIGKILL), TTRPC_NOT_FOUND);
	assert_int_equal(agent_remove(&client, "s1", 5), TTRPC_OK);

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_create(&client, "s2", &s, &err), TTRPC_OK);
	assert_int_equal(agent_start(&client, "s2", &err), TTRPC_OK);
	/* Wait for the traps: one line of output. */
	{
		Grpc__ReadStreamRequest r = GRPC__READ_STREAM_REQUEST__INIT;
		ProtobufCMessage *resp = NULL;

		r.container_id = r.exec_id = (char *)"s2";
		r.len = 6;
		assert_int_equal(agent_call_resp(&client, "grpc.AgentService", "ReadStdout",
						 &r.base, &grpc__read_stream_response__descriptor,
						 &resp, &err),
				 TTRPC_OK);
		assert_memory_equal(((Grpc__ReadStreamResponse *)resp)->data.data, "ready\n", 6);
		protobuf_c_message_free_unpacked(resp, NULL);
	}
	assert_int_equal(agent_signal(&client, "s2", "s2", SIGHUP), TTRPC_OK);
	usleep(200000);
	assert_int_equal(agent_signal(&client, "s2", "s2", SIGTERM), TTRPC_OK);
	assert_int_equal(agent_wait(&client, "s2", ""), 7);
	agent_read_all(&client, "s2", "", false, &out);
	assert_string_equal(out.buf, "hup\n");
	assert_int_equal(agent_signal(&client, "s2", "", 65), TTRPC_INVALID_ARGUMENT);
	assert_int_equal(agent_remove(&client, "s2", 5), TTRPC_OK);
	strbuf_release(&out);

	start_sleeper("s3");
	assert_int_equal(agent_signal(&client, "s3", "", SIGKILL), TTRPC_OK);
	assert_int_equal(agent_wait(&client, "s3", ""), 137);
	assert_int_equal(agent_remove(&client, "s3", 5), TTRPC_OK);
}

void test_created_only(void **state)
{
	char *args[] = { (char *)"true", NULL };
	struct error err = ERROR_INIT;
	struct test_spec s;
	Grpc__Process p;
	Grpc__User u;

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_create(&client, "c", &s, &err), TTRPC_OK);
	assert_int_equal(agent_create(&client, "c", &s, &err), TTRPC_ALREADY_EXISTS);
	exec_process(&p, &u, args);
	assert_int_equal(agent_exec(&client, "c", "e", &p, &err), TTRPC_FAILED_PRECONDITION);
	assert_int_equal(agent_remove(&client, "c", 5), TTRPC_OK);
	assert_int_equal(agent_create(&client, "c", &s, &err), TTRPC_OK);
	assert_int_equal(agent_signal(&client, "c", "", SIGKILL), TTRPC_OK);
	assert_int_equal(agent_wait(&client, "c", ""), 137);
	assert_int_equal(agent_start(&client, "c", &err), TTRPC_FAILED_PRECONDITION);
	assert_int_equal(agent_remove(&client, "c", 5), TTRPC_OK);
}

void test_terminal(void **state)
{
	char *args[] = {
		(char *)"sh", (char *)"-c",
		(char *)"tty; stty size; read x; stty size; echo \"<$x>\"; test -c /dev/console && "
			"echo yes",
		NULL
	};
	Grpc__TtyWinResizeRequest rs = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	Grpc__Box box = GRPC__BOX__INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	s.process.terminal = 1;
	box.height = 30;
	box.width = 100;
	s.process.consolesize = &box;
	assert_int_equal(agent_create(&client, "t", &s, &err), TTRPC_OK);
	assert_int_equal(agent_start(&client, "t", &err), TTRPC_OK);
	/* The first look is over; the line will wait in the terminal until "read" comes to it. */
	assert_int_equal(agent_read_until(&client, "t", "t", "30 100\r\n", &out), 0);
	rs.container_id = rs.exec_id = (char *)"t";
	rs.row = 50;
	rs.column = 132;
	assert_int_equal(agent_call(&client, "TtyWinResize", &rs.base, &err), TTRPC_OK);
	assert_int_equal(agent_write(&client, "t", "t", "line\n", 5), 5);
	assert_int_equal(agent_read_all(&client, "t", "t", false, &out), 0);
	assert_string_equal(out.buf, "/dev/pts/0\r\n30 100\r\nline\r\n50 132\r\n<line>\r\nyes\r\n");
	assert_int_equal(agent_wait(&client, "t", "t"), 0);
	assert_int_equal(agent_remove(&client, "t", 5), TTRPC_OK);
	strbuf_release(&out);
	start_sleeper("t2");
	rs.container_id = (char *)"t2";
	rs.exec_id = (char *)"";
	assert_int_equal(agent_call(&client, "TtyWinResize", &rs.base, &err),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(agent_remove(&client, "t2", 5), TTRPC_OK);
}

/* A reader that goes away must not take output along. */
void test_reader_lost(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c", (char *)"read x; echo after", NULL };
	struct pump p = { .cid = "l", .exec_id = "l", .got = STRBUF_INIT };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	assert_int_equal(agent_create(&client, "l", &s, &err), TTRPC_OK);
	assert_int_equal(agent_start(&client, "l", &err), TTRPC_OK);
	pump_read(&p);
	for (int i = 0; i < 3; i++)
		loop_step(client.loop, 10);
	assert_int_equal(agent_client_reconnect(&client), 0);
	assert_int_equal(agent_write(&client, "l", "l", "x\n", 2), 2);
	assert_int_equal(agent_read_all(&client, "l", "l", false, &out), 0);
	assert_string_equal(out.buf, "after\n");
	assert_int_equal(agent_wait(&client, "l", "l"), 0);
	assert_int_equal(agent_remove(&client, "l", 5), TTRPC_OK);
	strbuf_release(&out);
	strbuf_release(&p.got);
}

void test_background_holds_stream(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c", (char *)"sleep 1000 & echo done", NULL };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	Grpc__Process p;
	Grpc__User u;

	/* In a joined process, whose descendants live on with the container. */
	start_sleeper("bg");
	exec_process(&p, &u, args);
	assert_int_equal(agent_exec(&client, "bg", "x", &p, &err), TTRPC_OK);
	assert_int_equal(agent_wait(&client, "bg", "x"), 0);
	assert_int_equal(agent_read_all(&client, "bg", "x", false, &out), 0);
	assert_string_equal(out.buf, "done\n");
	assert_int_equal(agent_remove(&client, "bg", 5), TTRPC_OK);
	strbuf_release(&out);
}
