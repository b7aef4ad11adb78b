/* SPDX-License-Identifier: Apache-2.0 */
/* Pause, Resume, Update, Stats and OOM events of the Task service, between a client, an agent and a containerd of this process. */
#include "shim/task_service.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/time.h"
#include "sandbox/sandbox_internal.h"
#include "shim/events.h"
#include "shim/task_metrics.h"
#include "support/cmocka_all.h"
#include "wire/agent.pb-c.h"
#include "wire/cgroups_v1.pb-c.h"
#include "wire/cgroups_v2.pb-c.h"
#include "wire/events.pb-c.h"
#include "wire/google.pb-c.h"
#include "wire/task.pb-c.h"
#include "wire/task_events.pb-c.h"

#define TIMEOUT_MS 5000

struct fixture {
	char dir[64], bundle[80], events_sock[80];
	struct loop *loop;
	struct config *config;
	struct instance instance;
	struct sandbox *sb;
	struct process *init;
	struct ttrpc_server *agent, *task_server, *containerd;
	struct task_service task;
	struct events *events;
	struct ttrpc_client *client;
	/* what the agent heard */
	char heard[512];
	int64_t limit;
	struct ttrpc_call *oom;
	/* what containerd heard */
	char topics[256];
	int refuse; /* so many events are refused first */
};

static void reply_empty(struct ttrpc_call *call)
{
	Google__Protobuf__Empty e = GOOGLE__PROTOBUF__EMPTY__INIT;

	ttrpc_call_reply(call, &e.base);
}

static void hear(struct fixture *f, const char *what, const char *cid)
{
	size_t n = strlen(f->heard);

	snprintf(f->heard + n, sizeof(f->heard) - n, "%s %s;", what, cid);
}

static void agent_pause(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	hear(data, "pause", ((const Grpc__PauseContainerRequest *)msg)->container_id);
	reply_empty(call);
}

static void agent_resume(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	hear(data, "resume", ((const Grpc__ResumeContainerRequest *)msg)->container_id);
	reply_empty(call);
}

static void agent_update(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__UpdateContainerRequest *req = (const Grpc__UpdateContainerRequest *)msg;
	struct fixture *f = data;

	hear(f, "update", req->container_id);
	f->limit = req->resources && req->resources->memory ? req->resources->memory->limit : 0;
	if (f->limit == 13)
		ttrpc_call_fail(call, TTRPC_INVALID_ARGUMENT, "13 is no limit");
	else
		reply_empty(call);
}

static Grpc__StatsContainerResponse *sample(struct arena *a);

static void agent_stats(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;

	hear(data, "stats", ((const Grpc__StatsContainerRequest *)msg)->container_id);
	ttrpc_call_reply(call, &sample(&a)->base);
}

static void forget(struct ttrpc_call *call, void *data)
{
	((struct fixture *)data)->oom = NULL;
}

static void agent_oom(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct fixture *f = data;

	f->oom = call;
	ttrpc_call_on_cancel(call, forget, f);
}

static const struct ttrpc_method agent_methods[] = {
	{ "PauseContainer", &grpc__pause_container_request__descriptor, agent_pause },
	{ "ResumeContainer", &grpc__resume_container_request__descriptor, agent_resume },
	{ "UpdateContainer", &grpc__update_container_request__descriptor, agent_update },
	{ "StatsContainer", &grpc__stats_container_request__descriptor, agent_stats },
	{ "GetOOMEvent", &grpc__get_oomevent_request__descriptor, agent_oom },
};

static void take_event(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *req =
		(const Containerd__Services__Events__Ttrpc__V1__ForwardRequest *)msg;
	struct fixture *f = data;
	size_t n = strlen(f->topics);
	Containerd__Events__TaskOOM *oom;

	if (f->refuse > 0) {
		f->refuse--;
		ttrpc_call_fail(call, TTRPC_UNAVAILABLE, "not now");
		return;
	}
	assert_string_equal(req->envelope->namespace_, "k8s.io");
	assert_true(req->envelope->timestamp->seconds > 1600000000);
	/* Their messages all have the container's id first. */
	oom = containerd__events__task_oom__unpack(NULL, req->envelope->event->value.len,
						   req->envelope->event->value.data);
	snprintf(f->topics + n, sizeof(f->topics) - n, "%s %s %s;", req->envelope->topic,
		 req->envelope->event->type_url, oom->container_id);
	containerd__events__task_oom__free_unpacked(oom, NULL);
	reply_empty(call);
}

static const struct ttrpc_method event_methods[] = {
	{ "Forward", &containerd__services__events__ttrpc__v1__forward_request__descriptor,
	  take_event },
};
static struct ttrpc_service services[2];

/* A server at the other end of a stream, which is returned. */
static int serve(struct fixture *f, struct ttrpc_server **s, const struct ttrpc_service *svc)
{
	int fds[2];

	assert_int_equal(ttrpc_server_new(f->loop, s), 0);
	if (svc)
		assert_int_equal(ttrpc_server_add_service(*s, svc), 0);
	assert_int_equal(fd_socketpair(fds, SOCK_NONBLOCK), 0);
	assert_int_equal(ttrpc_server_add_conn(*s, fds[0]), 0);
	return fds[1];
}

static void write_text(const char *dir, const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, 0644, text, strlen(text), NULL), 0);
}

static void make_container(struct fixture *f)
{
	_cleanup_free_ char *json = oci_spec_default_json("kata", false, NULL);
	struct container_params p = {
		.id = "c1", .bundle = f->bundle, .in = "", .out = "", .err = ""
	};
	struct container *c = NULL;
	struct error err = ERROR_INIT;
	char *terminal = strstr(json, "\"terminal\": true");

	memcpy(terminal, "\"terminal\":false", strlen("\"terminal\":false"));
	write_text(f->bundle, "config.json", json);
	if (container_new(f->sb, &p, &c, &err) < 0)
		fail_msg("%s", err.msg);
	f->init = container_init_process(c);
	f->init->status = PROCESS_RUNNING;
}

static int setup(void **state)
{
	struct fixture *f = new0(struct fixture);
	char config[128];
	int fd;

	*state = f;
	log_init(&(struct log_config){ .name = "test", .source = "test", .fd = -1 });
	snprintf(f->dir, sizeof(f->dir), "/tmp/kata-task-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->bundle, sizeof(f->bundle), "%s/b", f->dir);
	snprintf(f->events_sock, sizeof(f->events_sock), "%s/containerd", f->dir);
	assert_int_equal(mkdir(f->bundle, 0755), 0);
	write_text(f->dir, "c.toml", "[hypervisor.fake]\nshared_fs = \"none\"\n");
	snprintf(config, sizeof(config), "%s/c.toml", f->dir);
	assert_int_equal(config_load(config, NULL, NULL, &f->config, NULL), 0);
	assert_int_equal(loop_new(&f->loop), 0);
	assert_int_equal(instance_create(&f->instance, f->dir, "c1", NULL), 0);
	assert_int_equal(sandbox_new(f->loop, f->config, &f->instance, f->bundle, -1, &f->sb, NULL),
			 0);
	services[0] = (struct ttrpc_service){ "grpc.AgentService", agent_methods,
					      ARRAY_SIZE(agent_methods), f };
	fd = serve(f, &f->agent, &services[0]);
	assert_int_equal(agent_client_new(f->loop, fd, &f->sb->agent), 0);
	f->sb->phase = SANDBOX_RUNNING;
	make_container(f);
	fd = serve(f, &f->task_server, NULL);
	assert_int_equal(task_service_init(&f->task, f->sb, f->task_server), 0);
	assert_int_equal(ttrpc_client_new(f->loop, fd, &f->client), 0);
	services[1] = (struct ttrpc_service){ "containerd.services.events.ttrpc.v1.Events",
					      event_methods, ARRAY_SIZE(event_methods), f };
	assert_int_equal(fd_unix_listen(f->events_sock, 4, &fd, NULL), 0);
	assert_int_equal(ttrpc_server_new(f->loop, &f->containerd), 0);
	assert_int_equal(ttrpc_server_add_service(f->containerd, &services[1]), 0);
	assert_int_equal(ttrpc_server_listen(f->containerd, fd), 0);
	assert_int_equal(events_new(f->loop, f->events_sock, "k8s.io", &f->events, NULL), 0);
	f->task.events = f->events;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ttrpc_client_free(f->client);
	sandbox_free(f->sb);
	events_free(f->events);
	ttrpc_server_free(f->task_server);
	ttrpc_server_free(f->agent);
	ttrpc_server_free(f->containerd);
	loop_free(f->loop);
	instance_release(&f->instance);
	config_free(f->config);
	assert_int_equal(file_remove_tree(AT_FDCWD, f->dir, NULL), 0);
	free(f);
	return 0;
}

static int call(struct fixture *f, const char *method, const ProtobufCMessage *req,
		const ProtobufCMessageDescriptor *desc, ProtobufCMessage **ret, struct error *err)
{
	return ttrpc_client_call_sync(f->client, TASK_SERVICE, method, req, desc, TIMEOUT_MS, ret,
				      err);
}

static int pause_resume(struct fixture *f, const char *method, const char *id, struct error *err)
{
	Containerd__Task__V2__PauseRequest req = CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;

	req.id = (char *)id;
	return call(f, method, &req.base, &google__protobuf__empty__descriptor, NULL, err);
}

static int status_of(struct fixture *f)
{
	Containerd__Task__V2__StateRequest req = CONTAINERD__TASK__V2__STATE_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	int status;

	req.id = (char *)"c1";
	assert_int_equal(call(f, "State", &req.base,
			      &containerd__task__v2__state_response__descriptor, &resp, NULL),
			 0);
	status = (int)((Containerd__Task__V2__StateResponse *)resp)->status;
	protobuf_c_message_free_unpacked(resp, NULL);
	return status;
}

static void until_topics(struct fixture *f, const char *want)
{
	uint64_t end = time_mono_usec() + TIMEOUT_MS * USEC_PER_MSEC;

	while (strcmp(f->topics, want) != 0 && time_mono_usec() < end)
		loop_step(f->loop, 50);
	assert_string_equal(f->topics, want);
}

static void test_pause(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(status_of(f), PROCESS_RUNNING);
	assert_int_equal(pause_resume(f, "Pause", "c1", &err), 0);
	assert_int_equal(status_of(f), PROCESS_PAUSED);
	assert_string_equal(f->sb->state.status, "paused");
	assert_int_equal(pause_resume(f, "Resume", "c1", &err), 0);
	assert_int_equal(status_of(f), PROCESS_RUNNING);
	assert_string_equal(f->sb->state.status, "running");
	assert_string_equal(f->heard, "pause c1;resume c1;");
	until_topics(f, "/tasks/paused containerd.events.TaskPaused c1;"
			"/tasks/resumed containerd.events.TaskResumed c1;");
	assert_int_equal(pause_resume(f, "Pause", "c2", &err), -ENOENT);
	f->init->status = PROCESS_CREATED;
	assert_int_equal(pause_resume(f, "Pause", "c1", &err), -EBUSY);
	assert_string_equal(err.msg, "container \"c1\" is not running");
	f->init->status = PROCESS_RUNNING;
}

static int update(struct fixture *f, const char *json, struct error *err)
{
	Containerd__Task__V2__UpdateTaskRequest req =
		CONTAINERD__TASK__V2__UPDATE_TASK_REQUEST__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;

	req.id = (char *)"c1";
	any.type_url = (char *)"types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";
	any.value.data = (uint8_t *)json;
	any.value.len = json ? strlen(json) : 0;
	req.resources = json ? &any : NULL;
	return call(f, "Update", &req.base, &google__protobuf__empty__descriptor, NULL, err);
}

static void test_update(void **state)
{
	struct fixture *f = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(update(f, "{\"memory\":{\"limit\":123456}}", &err), 0);
	assert_int_equal(f->limit, 123456);
	assert_int_equal(update(f, "{\"memory\":{\"limit\":13}}", &err), -EINVAL);
	assert_string_equal(err.msg, "13 is no limit");
	assert_int_equal(update(f, "{\"memory\":{\"limit\":\"x\"}}", &err), -EINVAL);
	assert_string_equal(err.msg, "resources: memory.limit: expected an integer, got a string");
	assert_int_equal(update(f, "[", &err), -EINVAL);
	assert_int_equal(update(f, NULL, &err), -EINVAL);
	assert_string_equal(err.msg, "resources: resources: missing");
}

static void test_oom(void **state)
{
	struct fixture *f = *state;
	Grpc__OOMEvent resp = GRPC__OOMEVENT__INIT;
	uint64_t end = time_mono_usec() + TIMEOUT_MS * USEC_PER_MSEC;

	f->refuse = 2; /* it is tried again */
	sandbox_watch_oom(f->sb);
	for (int i = 0; i < 2; i++) {
		while (!f->oom && time_mono_usec() < end)
			loop_step(f->loop, 50);
		assert_non_null(f->oom);
		resp.container_id = (char *)(i ? "c1" : "stranger"); /* whom nobody has asked for */
		ttrpc_call_reply(f->oom, &resp.base);
		f->oom = NULL;
	}
	until_topics(f, "/tasks/oom containerd.events.TaskOOM c1;");
}

static void test_stats(void **state)
{
	Containerd__Task__V2__StatsRequest req = CONTAINERD__TASK__V2__STATS_REQUEST__INIT;
	struct fixture *f = *state;
	ProtobufCMessage *resp = NULL;
	const char *type;

	req.id = (char *)"c1";
	assert_int_equal(call(f, "Stats", &req.base,
			      &containerd__task__v2__stats_response__descriptor, &resp, NULL),
			 0);
	type = ((Containerd__Task__V2__StatsResponse *)resp)->stats->type_url;
	assert_non_null(str_after(type, "io.containerd.cgroups.v"));
	assert_string_equal(f->heard, "stats c1;");
	protobuf_c_message_free_unpacked(resp, NULL);
}

/* ---- what the agent's numbers become ------------------------------------------------------------------------------- */

static Grpc__BlkioStatsEntry *io_entry(struct arena *a, const char *op, uint64_t value)
{
	Grpc__BlkioStatsEntry *e = arena_new(a, Grpc__BlkioStatsEntry);

	grpc__blkio_stats_entry__init(e);
	e->major = 8;
	e->minor = 16;
	e->op = (char *)op;
	e->value = value;
	return e;
}

static void fill_memory(struct arena *a, Grpc__MemoryStats *m)
{
	static const struct {
		const char *key;
		uint64_t value;
	} lines[] = { { "anon", 11 }, { "file", 12 }, { "pgfault", 13 }, { "slab", 14 } };

	m->cache = 12;
	m->usage = arena_new(a, Grpc__MemoryData);
	grpc__memory_data__init(m->usage);
	m->usage->usage = 21;
	m->usage->limit = 22;
	m->usage->max_usage = 23;
	m->usage->failcnt = 24;
	m->stats = arena_new_array(a, Grpc__MemoryStats__StatsEntry *, ARRAY_SIZE(lines));
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		m->stats[i] = arena_new(a, Grpc__MemoryStats__StatsEntry);
		grpc__memory_stats__stats_entry__init(m->stats[i]);
		m->stats[i]->key = (char *)lines[i].key;
		m->stats[i]->value = lines[i].value;
	}
	m->n_stats = ARRAY_SIZE(lines);
}

static Grpc__StatsContainerResponse *sample(struct arena *a)
{
	Grpc__StatsContainerResponse *r = arena_new(a, Grpc__StatsContainerResponse);
	Grpc__CgroupStats *cg = arena_new(a, Grpc__CgroupStats);
	Grpc__CpuStats *cpu = arena_new(a, Grpc__CpuStats);
	Grpc__CpuUsage *usage = arena_new(a, Grpc__CpuUsage);
	Grpc__MemoryStats *memory = arena_new(a, Grpc__MemoryStats);
	Grpc__BlkioStats *io = arena_new(a, Grpc__BlkioStats);
	Grpc__NetworkStats *net = arena_new(a, Grpc__NetworkStats);

	grpc__stats_container_response__init(r);
	grpc__cgroup_stats__init(cg);
	grpc__cpu_stats__init(cpu);
	grpc__cpu_usage__init(usage);
	grpc__memory_stats__init(memory);
	grpc__blkio_stats__init(io);
	grpc__network_stats__init(net);
	usage->total_usage = 3000000;
	usage->usage_in_usermode = 2000000;
	usage->usage_in_kernelmode = 1000000;
	cpu->cpu_usage = usage;
	cg->cpu_stats = cpu;
	fill_memory(a, memory);
	cg->memory_stats = memory;
	io->io_service_bytes_recursive = arena_new_array(a, Grpc__BlkioStatsEntry *, 4);
	io->io_service_bytes_recursive[0] = io_entry(a, "read", 31);
	io->io_service_bytes_recursive[1] = io_entry(a, "write", 32);
	io->io_service_bytes_recursive[2] = io_entry(a, "rios", 33);
	io->io_service_bytes_recursive[3] = io_entry(a, "wios", 34);
	io->n_io_service_bytes_recursive = 4;
	cg->blkio_stats = io;
	net->name = (char *)"eth0";
	net->rx_bytes = 41;
	r->network_stats = arena_new_array(a, Grpc__NetworkStats *, 1);
	r->network_stats[0] = net;
	r->n_network_stats = 1;
	r->cgroup_stats = cg;
	return r;
}

static void test_metrics_v1(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Io__Containerd__Cgroups__V1__Metrics *m;

	assert_int_equal(task_metrics_pack(sample(&a), false, &any, NULL), 0);
	assert_string_equal(any.type_url, "io.containerd.cgroups.v1.Metrics");
	m = io__containerd__cgroups__v1__metrics__unpack(NULL, any.value.len, any.value.data);
	assert_non_null(m);
	assert_int_equal(m->cpu->usage->total, 3000000);
	assert_int_equal(m->cpu->usage->user, 2000000);
	assert_int_equal(m->cpu->usage->kernel, 1000000);
	assert_int_equal(m->memory->cache, 12);
	assert_int_equal(m->memory->rss, 11);
	assert_int_equal(m->memory->pg_fault, 13);
	assert_int_equal(m->memory->usage->usage, 21);
	assert_int_equal(m->memory->usage->limit, 22);
	assert_int_equal(m->memory->usage->max, 23);
	assert_int_equal(m->memory->usage->failcnt, 24);
	assert_int_equal(m->blkio->n_io_service_bytes_recursive, 4);
	assert_int_equal(m->blkio->io_service_bytes_recursive[1]->value, 32);
	assert_int_equal(m->n_network, 1);
	assert_string_equal(m->network[0]->name, "eth0");
	assert_int_equal(m->network[0]->rx_bytes, 41);
	io__containerd__cgroups__v1__metrics__free_unpacked(m, NULL);
	free(any.value.data);
}

static void test_metrics_v2(void **state)
{
	_cleanup_arena_ struct arena a = ARENA_INIT;
	Grpc__StatsContainerResponse none = GRPC__STATS_CONTAINER_RESPONSE__INIT;
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	Io__Containerd__Cgroups__V2__Metrics *m;

	assert_int_equal(task_metrics_pack(sample(&a), true, &any, NULL), 0);
	assert_string_equal(any.type_url, "io.containerd.cgroups.v2.Metrics");
	m = io__containerd__cgroups__v2__metrics__unpack(NULL, any.value.len, any.value.data);
	assert_non_null(m);
	assert_int_equal(m->cpu->usage_usec, 3000);
	assert_int_equal(m->cpu->user_usec, 2000); /* not the other way round, as upstream has it */
	assert_int_equal(m->cpu->system_usec, 1000);
	assert_int_equal(m->memory->anon, 11);
	assert_int_equal(m->memory->file, 12);
	assert_int_equal(m->memory->slab, 14);
	assert_int_equal(m->memory->usage, 21);
	assert_int_equal(m->memory->usage_limit, 22);
	assert_int_equal(m->io->n_usage, 1);
	assert_int_equal(m->io->usage[0]->major, 8);
	assert_int_equal(m->io->usage[0]->minor, 16);
	assert_int_equal(m->io->usage[0]->rbytes, 31);
	assert_int_equal(m->io->usage[0]->wbytes, 32);
	assert_int_equal(m->io->usage[0]->rios, 33);
	assert_int_equal(m->io->usage[0]->wios, 34);
	io__containerd__cgroups__v2__metrics__free_unpacked(m, NULL);
	free(any.value.data);
	/* An agent that tells nothing. */
	assert_int_equal(task_metrics_pack(&none, true, &any, NULL), 0);
	free(any.value.data);
	assert_int_equal(task_metrics_pack(&none, false, &any, NULL), 0);
	free(any.value.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_pause, setup, teardown),
		cmocka_unit_test_setup_teardown(test_update, setup, teardown),
		cmocka_unit_test_setup_teardown(test_oom, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stats, setup, teardown),
		cmocka_unit_test(test_metrics_v1),
		cmocka_unit_test(test_metrics_v2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
