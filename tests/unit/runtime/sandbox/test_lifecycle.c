/* SPDX-License-Identifier: Apache-2.0 */
/* The engine from the first call to the last, with the fake hypervisor and an agent in this process that is `cat`. */
#include "sandbox/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "support/cmocka_all.h"
#include "wire/agent.pb-c.h"
#include "wire/google.pb-c.h"
#include "wire/health.pb-c.h"
#include "wire/ttrpc.h"

#define WAIT_MS	  5000
#define EXIT_CODE 42

struct fixture {
	char dir[64], root[80], bundle[80], fifo[3][96], sock[128];
	struct loop *loop;
	struct config *config;
	struct instance instance;
	struct sandbox *sb;
	/* the agent */
	struct ttrpc_server *agent;
	struct loop_source *listen_timer;
	struct strbuf echo;
	bool closed, silent, refuse;
	struct ttrpc_call *reading, *waiting, *waiting_extra;
	uint32_t signal;
	/* answers */
	int answers;
	struct error err;
	bool failed;
};

static void reply_empty(struct ttrpc_call *call)
{
	Google__Protobuf__Empty e = GOOGLE__PROTOBUF__EMPTY__INIT;

	ttrpc_call_reply(call, &e.base);
}

static void agent_empty(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	reply_empty(call);
}

static void agent_create(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__CreateContainerRequest *req = (const Grpc__CreateContainerRequest *)msg;
	struct fixture *f = data;

	assert_string_equal(req->container_id, "c1");
	/* The root file system is an overlay over the packed image. */
	assert_int_equal(req->n_storages, 2);
	assert_string_equal(req->storages[0]->fstype, "erofs");
	assert_string_equal(req->storages[1]->driver, "overlayfs");
	assert_string_equal(req->oci->root->path, req->storages[1]->mount_point);
	if (f->refuse)
		ttrpc_call_fail(call, TTRPC_NOT_FOUND, "exec \"sh\": not found");
	else
		reply_empty(call);
}

/* A call that is never answered ends with its connection. */
static void forget_call(struct ttrpc_call *call, void *data)
{
	struct fixture *f = data;

	if (f->reading == call)
		f->reading = NULL;
	if (f->waiting == call)
		f->waiting = NULL;
	if (f->waiting_extra == call)
		f->waiting_extra = NULL;
}

static void agent_check_(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Grpc__HealthCheckResponse resp = GRPC__HEALTH_CHECK_RESPONSE__INIT;
	struct fixture *f = data;

	if (f->silent)
		ttrpc_call_on_cancel(call, forget_call, f);
	else
		ttrpc_call_reply(call, &resp.base);
}

static void agent_details(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Grpc__GuestDetailsResponse resp = GRPC__GUEST_DETAILS_RESPONSE__INIT;
	Grpc__AgentDetails details = GRPC__AGENT_DETAILS__INIT;
	char *features[] = { (char *)"boot-usec=1234" };

	details.extra_features = features;
	details.n_extra_features = 1;
	resp.agent_details = &details;
	ttrpc_call_reply(call, &resp.base);
}

static void feed(struct fixture *f)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;
	struct ttrpc_call *call = f->reading;

	if (call && (f->echo.len || f->closed)) {
		f->reading = NULL;
		resp.data.data = (uint8_t *)f->echo.buf;
		resp.data.len = f->echo.len;
		ttrpc_call_reply(call, &resp.base);
		strbuf_reset(&f->echo);
	}
	if (f->closed && f->waiting) {
		Grpc__WaitProcessResponse w = GRPC__WAIT_PROCESS_RESPONSE__INIT;

		call = f->waiting;
		f->waiting = NULL;
		w.status = f->signal ? 128 + (int)f->signal : EXIT_CODE;
		ttrpc_call_reply(call, &w.base);
	}
}

static void agent_write(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__WriteStreamRequest *req = (const Grpc__WriteStreamRequest *)msg;
	Grpc__WriteStreamResponse resp = GRPC__WRITE_STREAM_RESPONSE__INIT;
	struct fixture *f = data;

	/* Half of it at most: the rest must come again. */
	resp.len = (uint32_t)(req->data.len > 1 ? req->data.len / 2 : req->data.len);
	assert_int_equal(strbuf_add(&f->echo, req->data.data, resp.len), 0);
	ttrpc_call_reply(call, &resp.base);
	feed(f);
}

static void agent_read(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct fixture *f = data;

	assert_null(f->reading); /* one at a time keeps the order */
	f->reading = call;
	ttrpc_call_on_cancel(call, forget_call, f);
	feed(f);
}

static void agent_read_err(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Grpc__ReadStreamResponse resp = GRPC__READ_STREAM_RESPONSE__INIT;

	ttrpc_call_reply(call, &resp.base);
}

static void agent_close_(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct fixture *f = data;

	f->closed = true;
	reply_empty(call);
	feed(f);
}

static void agent_signal(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__SignalProcessRequest *req = (const Grpc__SignalProcessRequest *)msg;
	struct fixture *f = data;

	f->signal = req->signal;
	f->closed = true;
	reply_empty(call);
	feed(f);
}

static void agent_wait(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__WaitProcessRequest *req = (const Grpc__WaitProcessRequest *)msg;
	struct fixture *f = data;

	ttrpc_call_on_cancel(call, forget_call, f);
	if (strcmp(req->exec_id, "e1") == 0) {
		f->waiting_extra = call;
		return;
	}
	f->waiting = call;
	feed(f);
}

static void late_exit(struct fixture *f)
{
	Grpc__WaitProcessResponse w = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	ttrpc_call_reply(f->waiting_extra, &w.base);
}

static const struct ttrpc_method agent_methods[] = {
	{ "CreateSandbox", &grpc__create_sandbox_request__descriptor, agent_empty },
	{ "CreateContainer", &grpc__create_container_request__descriptor, agent_create },
	{ "StartContainer", &grpc__start_container_request__descriptor, agent_empty },
	{ "ExecProcess", &grpc__exec_process_request__descriptor, agent_empty },
	{ "RemoveContainer", &grpc__remove_container_request__descriptor, agent_empty },
	{ "GetGuestDetails", &grpc__guest_details_request__descriptor, agent_details },
	{ "WriteStdin", &grpc__write_stream_request__descriptor, agent_write },
	{ "ReadStdout", &grpc__read_stream_request__descriptor, agent_read },
	{ "ReadStderr", &grpc__read_stream_request__descriptor, agent_read_err },
	{ "CloseStdin", &grpc__close_stdin_request__descriptor, agent_close_ },
	{ "SignalProcess", &grpc__signal_process_request__descriptor, agent_signal },
	{ "WaitProcess", &grpc__wait_process_request__descriptor, agent_wait },
};
static const struct ttrpc_method health_methods[] = {
	{ "Check", &grpc__check_request__descriptor, agent_check_ },
};
static struct ttrpc_service services[2];

/* The engine makes the directory of the socket; until it is there, nobody listens. */
static void try_listen(struct loop_source *s, void *data)
{
	struct fixture *f = data;
	int fd;

	if (fd_unix_listen(f->sock, 4, &fd, NULL) < 0)
		loop_timer_set(s, 2000);
	else
		assert_int_equal(ttrpc_server_listen(f->agent, fd), 0);
}

static void write_text(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, text, strlen(text), NULL), 0);
}

static int setup(void **state)
{
	struct fixture *f = new0(struct fixture);
	_cleanup_free_ char *json = oci_spec_default_json("kata", false, NULL);
	static const char *const ends[] = { "in", "out", "err" };
	char path[160];
	char *terminal;

	*state = f;
	log_init(&(struct log_config){ .name = "test", .source = "test", .fd = -1 });
	snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/kata-life-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->root, sizeof(f->root), "%s/run", f->dir);
	snprintf(f->bundle, sizeof(f->bundle), "%s/b", f->dir);
	snprintf(f->sock, sizeof(f->sock), "%s/c1/vm/agent.sock", f->root);
	assert_int_equal(mkdir(f->root, 0700), 0);
	snprintf(path, sizeof(path), "%s/rootfs/bin", f->bundle);
	assert_int_equal(file_mkdir_p(AT_FDCWD, path, 0755, NULL), 0);
	terminal = strstr(json, "\"terminal\": true");
	assert_non_null(terminal);
	memcpy(terminal, "\"terminal\":false", strlen("\"terminal\":false"));
	snprintf(path, sizeof(path), "%s/config.json", f->bundle);
	write_text(path, json);
	snprintf(path, sizeof(path), "%s/c.toml", f->dir);
	write_text(path,
		   "[hypervisor.fake]\nshared_fs = \"none\"\n[agent.kata]\ndial_timeout = 1\n");
	for (int i = 0; i < 3; i++) {
		snprintf(f->fifo[i], sizeof(f->fifo[i]), "%s/%s", f->dir, ends[i]);
		assert_int_equal(mkfifo(f->fifo[i], 0600), 0);
	}
	strbuf_init(&f->echo);
	assert_int_equal(config_load(path, NULL, NULL, &f->config, NULL), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(instance_create(&f->instance, f->root, "c1", NULL), 0);
	assert_int_equal(sandbox_new(f->loop, f->config, &f->instance, f->bundle, -1, &f->sb, NULL),
			 0);
	services[0] = (struct ttrpc_service){ "grpc.AgentService", agent_methods,
					      ARRAY_SIZE(agent_methods), f };
	services[1] = (struct ttrpc_service){ "grpc.Health", health_methods,
					      ARRAY_SIZE(health_methods), f };
	assert_int_equal(ttrpc_server_new(f->loop, &f->agent), 0);
	assert_int_equal(ttrpc_server_add_service(f->agent, &services[0]), 0);
	assert_int_equal(ttrpc_server_add_service(f->agent, &services[1]), 0);
	assert_int_equal(loop_add_timer(f->loop, try_listen, f, &f->listen_timer), 0);
	loop_timer_set(f->listen_timer, 1000);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	sandbox_free(f->sb);
	loop_source_free(f->listen_timer);
	ttrpc_server_free(f->agent);
	loop_free(f->loop);
	instance_release(&f->instance);
	config_free(f->config);
	strbuf_release(&f->echo);
	assert_int_equal(file_remove_tree(AT_FDCWD, f->dir, NULL), 0);
	free(f);
	return 0;
}

static void on_answer(const struct error *err, void *data)
{
	struct fixture *f = data;

	f->answers++;
	f->failed = err != NULL;
	if (err)
		f->err = *err;
}

static void until(struct fixture *f, const bool *flag, const int *count, int want)
{
	uint64_t end = time_mono_usec() + WAIT_MS * USEC_PER_MSEC;

	while (flag ? !*flag : *count < want) {
		assert_true(time_mono_usec() < end);
		assert_true(loop_step(f->loop, 100) >= 0);
	}
}

static void answered(struct fixture *f, int want)
{
	until(f, NULL, &f->answers, want);
}

static void create(struct fixture *f)
{
	struct container_params p = { .id = "c1",
				      .bundle = f->bundle,
				      .in = f->fifo[0],
				      .out = f->fifo[1],
				      .err = f->fifo[2] };

	assert_int_equal(sandbox_create_container(f->sb, &p, on_answer, f, &f->err), 0);
	answered(f, 1);
}

struct waiting {
	struct process_waiter w;
	bool over;
	int code;
};

static void on_exit_(struct process *p, struct process_waiter *w)
{
	struct waiting *x = container_of(w, struct waiting, w);

	/* Told and true are one step. */
	assert_int_equal(p->status, PROCESS_STOPPED);
	x->over = true;
	x->code = p->exit_code;
}

static struct process *start(struct fixture *f)
{
	struct process *p;

	create(f);
	assert_false(f->failed);
	p = sandbox_find(f->sb, "c1", "", &f->err);
	assert_non_null(p);
	assert_int_equal(p->status, PROCESS_CREATED);
	assert_int_equal(process_start(p, on_answer, f, &f->err), 0);
	answered(f, 2);
	assert_false(f->failed);
	assert_int_equal(p->status, PROCESS_RUNNING);
	return p;
}

static void test_whole_life(void **state)
{
	struct fixture *f = *state;
	struct process *p = start(f);
	struct waiting x[2] = { { .w.fn = on_exit_ }, { .w.fn = on_exit_ } };
	_cleanup_fd_ int in = open(f->fifo[0], O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	_cleanup_fd_ int out = open(f->fifo[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	char buf[64] = "";

	assert_int_equal(f->sb->state.times.guest_boot_usec, 1234);
	process_wait(p, &x[0].w);
	process_wait(p, &x[1].w);
	assert_int_equal(process_delete(p, on_answer, f, &f->err), -EBUSY);
	assert_int_equal(write(in, "hello, engine", 13), 13);
	/* A writer that comes and goes is no end of input. */
	fd_close(fd_steal(&in));
	for (size_t n = 0; n < 13;) {
		ssize_t k;

		assert_true(loop_step(f->loop, 100) >= 0);
		k = read(out, buf + n, sizeof(buf) - n);
		n += k > 0 ? (size_t)k : 0;
	}
	assert_string_equal(buf, "hello, engine");
	assert_false(x[0].over);
	assert_int_equal(process_close_stdin(p, on_answer, f, &f->err), 0);
	until(f, &x[1].over, NULL, 0);
	assert_true(x[0].over);
	assert_int_equal(x[0].code, EXIT_CODE);
	assert_int_equal(f->sb->state.exit_status, EXIT_CODE);
	assert_string_equal(f->sb->state.status, "stopped");
	/* The FIFO's other end is held until delete: no end of file yet. */
	assert_int_equal(read(out, buf, sizeof(buf)), -1);
	assert_int_equal(errno, EAGAIN);
	answered(f, 3);
	assert_int_equal(process_kill(p, SIGUSR1, on_answer, f, &f->err), -ESRCH);
	assert_string_equal(error_text(&f->err), "container not running");
	assert_int_equal(process_kill(p, SIGKILL, on_answer, f, &f->err), 0);
	assert_int_equal(process_delete(p, on_answer, f, &f->err), 0);
	answered(f, 5);
	assert_true(sandbox_is_empty(f->sb));
	assert_int_equal(read(out, buf, sizeof(buf)), 0);
	assert_null(sandbox_find(f->sb, "c1", "", &f->err));
	assert_string_equal(error_text(&f->err), "container \"c1\" does not exist");
}

static void test_output_waits_for_reader(void **state)
{
	struct fixture *f = *state;
	struct process *p = start(f);
	struct waiting x = { .w.fn = on_exit_ };
	_cleanup_fd_ int out = -1;
	char buf[64] = "";

	/* The process is gone before anybody opened its stdout: nothing is lost. */
	process_wait(p, &x.w);
	assert_int_equal(strbuf_addstr(&f->echo, "last words"), 0);
	assert_int_equal(process_kill(p, SIGKILL, on_answer, f, &f->err), 0);
	until(f, &x.over, NULL, 0);
	assert_int_equal(x.code, 137);
	out = open(f->fifo[1], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(read(out, buf, sizeof(buf)), 10);
	assert_string_equal(buf, "last words");
}

static void test_lost(void **state)
{
	struct fixture *f = *state;
	struct process *p = start(f);
	struct waiting x = { .w.fn = on_exit_ };

	process_wait(p, &x.w);
	sandbox_lost(f->sb, "guest panicked");
	assert_true(x.over);
	assert_int_equal(x.code, 255);
	assert_string_equal(f->sb->state.reason, "guest panicked");
	assert_int_equal(process_start(p, on_answer, f, &f->err), -ENOTCONN);
	assert_string_equal(error_text(&f->err), "sandbox \"c1\" is not running: guest panicked");
	assert_int_equal(process_delete(p, on_answer, f, &f->err), 0);
	assert_true(sandbox_is_empty(f->sb));
}

static void test_agent_refuses(void **state)
{
	struct fixture *f = *state;

	f->refuse = true;
	create(f);
	assert_true(f->failed);
	assert_int_equal(f->err.code, -ENOENT);
	assert_string_equal(error_text(&f->err), "launch step 'container': exec \"sh\": not found");
	assert_true(sandbox_is_empty(f->sb));
	assert_null(f->sb->vm);
	assert_null(f->sb->agent);
}

/* A delete that comes while the machine starts must not take the container from under the launch. */
static void test_delete_while_creating(void **state)
{
	struct fixture *f = *state;
	struct container_params p = {
		.id = "c1", .bundle = f->bundle, .in = "", .out = "", .err = ""
	};
	struct process *init;

	f->silent = true;
	assert_int_equal(sandbox_create_container(f->sb, &p, on_answer, f, &f->err), 0);
	init = sandbox_find(f->sb, "c1", "", &f->err);
	assert_non_null(init);
	assert_int_equal(process_delete(init, on_answer, f, &f->err), -EBUSY);
	assert_string_equal(error_text(&f->err), "container \"c1\" is being created");
	answered(f, 1);
	assert_true(f->failed);
	assert_true(sandbox_is_empty(f->sb));
}

static int count_in(struct fixture *f)
{
	struct list *pos;
	int n = 0;

	list_for_each(pos, &sandbox_find(f->sb, "c1", "", NULL)->container->processes)
		n++;
	return n;
}

/* The first process ends and is deleted while the agent still owes the exit of another one. */
static void test_delete_with_open_wait(void **state)
{
	static const char spec[] =
		"{\"args\":[\"sh\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}}";
	struct container_params io = { .in = "", .out = "", .err = "" };
	struct fixture *f = *state;
	struct process *p = start(f), *extra;
	struct waiting x = { .w.fn = on_exit_ };

	assert_int_equal(process_new(p->container, "e1", &io, &extra, &f->err), 0);
	assert_int_equal(oci_process_parse(spec, strlen(spec), &extra->spec, &f->err), 0);
	assert_int_equal(count_in(f), 2);
	assert_int_equal(process_start(extra, on_answer, f, &f->err), 0);
	answered(f, 3);
	assert_false(f->failed);
	process_wait(p, &x.w);
	assert_int_equal(process_kill(p, SIGKILL, on_answer, f, &f->err), 0);
	until(f, &x.over, NULL, 0);
	answered(f, 4);
	assert_non_null(f->waiting_extra);
	assert_int_equal(process_delete(p, on_answer, f, &f->err), 0);
	answered(f, 5);
	assert_true(sandbox_is_empty(f->sb));
	/* The late answer finds nobody. */
	late_exit(f);
	for (int i = 0; i < 10; i++)
		assert_true(loop_step(f->loop, 5) >= 0);
}

static void test_agent_never_answers(void **state)
{
	struct fixture *f = *state;

	f->silent = true;
	create(f);
	assert_true(f->failed);
	assert_int_equal(f->err.code, -ETIMEDOUT);
	assert_non_null(strstr(error_text(&f->err),
			       "launch step 'agent': no answer from the guest's agent within 1 s"));
	assert_null(f->sb->vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_whole_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_output_waits_for_reader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_agent_never_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_while_creating, setup, teardown),
		cmocka_unit_test_setup_teardown(test_delete_with_open_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
