/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cmocka_all.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/parse.h"
#include "base/time.h"
#include "unit/guest-agent/service/agent_tests.h"

#define SVC "grpc.AgentService"

static Grpc__StatsContainerResponse *stats_of(const char *cid)
{
	Grpc__StatsContainerRequest req = GRPC__STATS_CONTAINER_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	struct error err = ERROR_INIT;

	req.container_id = (char *)cid;
	if (agent_call_resp(&client, SVC, "StatsContainer", &req.base,
			    &grpc__stats_container_response__descriptor, &resp, &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	return (Grpc__StatsContainerResponse *)resp;
}

static void stats_free(Grpc__StatsContainerResponse *r)
{
	protobuf_c_message_free_unpacked(&r->base, NULL);
}

/* The host may lack what the guest has, by its kernel's configuration: there each is asked for only if it is there. */
static bool host_lacks(const char *controller)
{
	char v1[64], v2[64];

	if (agent_client_in_guest())
		return false;
	snprintf(v1, sizeof(v1), "/sys/fs/cgroup/%s", controller);
	snprintf(v2, sizeof(v2), "/sys/fs/cgroup/cgroup.controllers");
	return access(v1, F_OK) < 0 && access(v2, F_OK) < 0;
}

static uint64_t memory_line(const Grpc__MemoryStats *m, const char *key)
{
	for (size_t i = 0; i < m->n_stats; i++)
		if (strcmp(m->stats[i]->key, key) == 0)
			return m->stats[i]->value;
	fail_msg("memory.stat has no \"%s\"", key);
	return 0;
}

void test_stats(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; "
				 "sleep 1000; true",
			 NULL };
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory mem = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	Grpc__StatsContainerResponse *r;
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	mem.limit = 64 << 20;
	pids.limit = 23;
	res.memory = &mem;
	res.pids = &pids;
	s.linux_.resources = &res;
	assert_int_equal(agent_create(&client, "st", &s, &err), TTRPC_OK);
	assert_int_equal(agent_start(&client, "st", &err), TTRPC_OK);
	assert_int_equal(agent_read_until(&client, "st", "st", "done", &out), 0);
	r = stats_of("st");
	assert_non_null(r->cgroup_stats);
	if (!host_lacks("cpuacct"))
		assert_true(r->cgroup_stats->cpu_stats->cpu_usage->total_usage > 1000000);
	if (!host_lacks("pids")) {
		assert_int_equal(r->cgroup_stats->pids_stats->limit, 23);
		assert_in_range(r->cgroup_stats->pids_stats->current, 1, 2);
	}
	if (!host_lacks("memory")) {
		assert_int_equal(r->cgroup_stats->memory_stats->usage->limit, 64 << 20);
		assert_true(r->cgroup_stats->memory_stats->usage->usage > 4096);
		memory_line(r->cgroup_stats->memory_stats, "pgfault"); /* the kernel counts late */
	}
	stats_free(r);
	agent_signal(&client, "st", "st", SIGKILL);
	agent_remove(&client, "st", 10);
	strbuf_release(&out);
}

static enum ttrpc_code update(const char *cid, Grpc__LinuxResources *res, struct error *err)
{
	Grpc__UpdateContainerRequest req = GRPC__UPDATE_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	req.resources = res;
	return agent_call(&client, "UpdateContainer", &req.base, err);
}

void test_update(void **state)
{
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory mem = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	Grpc__StatsContainerResponse *r;
	struct error err = ERROR_INIT;

	start_sleeper("up");
	res.memory = &mem;
	res.pids = &pids;
	/* Up and down again, with the sum of memory and swap. */
	for (int i = 0; i < 4; i++) {
		mem.limit = (i % 2 ? 200 : 48) << 20;
		mem.swap = mem.limit;
		pids.limit = 5 + i;
		if (update("up", &res, &err) != TTRPC_OK)
			fail_msg("%s", err.msg);
		r = stats_of("up");
		if (!host_lacks("memory"))
			assert_int_equal(r->cgroup_stats->memory_stats->usage->limit, mem.limit);
		if (!host_lacks("pids"))
			assert_int_equal(r->cgroup_stats->pids_stats->limit, 5 + i);
		stats_free(r);
	}
	mem.swap = 1;
	assert_int_equal(update("up", &res, &err), TTRPC_INVALID_ARGUMENT);
	assert_non_null(strstr(err.msg, "swap is below the memory limit"));
	assert_int_equal(update("nobody", &res, &err), TTRPC_NOT_FOUND);
	agent_remove(&client, "up", 10);
}

static enum ttrpc_code pause_resume(const char *method, const char *cid, struct error *err)
{
	Grpc__PauseContainerRequest req = GRPC__PAUSE_CONTAINER_REQUEST__INIT;

	req.container_id = (char *)cid;
	return agent_call(&client, method, &req.base, err);
}

void test_pause(void **state)
{
	char *args[] = { (char *)"sh", (char *)"-c", (char *)"while :; do echo x; sleep 0.01; done",
			 NULL };
	char *exec_args[] = { (char *)"true", NULL };
	Grpc__Process p = GRPC__PROCESS__INIT;
	Grpc__User u = GRPC__USER__INIT;
	Grpc__StatsContainerResponse *r;
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;
	uint64_t cpu;

	test_spec_init(&s, &client, args);
	assert_int_equal(pause_resume("PauseContainer", "pa", &err), TTRPC_NOT_FOUND);
	assert_int_equal(agent_create(&client, "pa", &s, &err), TTRPC_OK);
	assert_int_equal(agent_start(&client, "pa", &err), TTRPC_OK);
	assert_int_equal(agent_read_until(&client, "pa", "pa", "x", &out), 0);
	if (pause_resume("PauseContainer", "pa", &err) != TTRPC_OK)
		fail_msg("%s", err.msg);
	r = stats_of("pa");
	cpu = r->cgroup_stats->cpu_stats->cpu_usage->total_usage;
	stats_free(r);
	usleep(100000);
	r = stats_of("pa");
	assert_true(cpu == r->cgroup_stats->cpu_stats->cpu_usage->total_usage);
	stats_free(r);
	p.user = &u;
	p.args = exec_args;
	p.n_args = 1;
	assert_int_equal(agent_exec(&client, "pa", "ex", &p, &err), TTRPC_FAILED_PRECONDITION);
	assert_string_equal(err.msg, "container \"pa\" is paused");
	/* Twice is no mistake, and it runs again. */
	assert_int_equal(pause_resume("PauseContainer", "pa", &err), TTRPC_OK);
	assert_int_equal(pause_resume("ResumeContainer", "pa", &err), TTRPC_OK);
	strbuf_reset(&out);
	for (int i = 0; i < 200 && out.len < 65536; i++)
		if (agent_read_until(&client, "pa", "pa", "x", &out) == 0)
			break;
	assert_true(out.len > 0);
	/* A paused one can be removed. */
	assert_int_equal(pause_resume("PauseContainer", "pa", &err), TTRPC_OK);
	assert_int_equal(agent_remove(&client, "pa", 10), TTRPC_OK);
	strbuf_release(&out);
}

struct oom_answer {
	int n;
	char cid[32];
};

static void on_oom(const ProtobufCMessage *resp, enum ttrpc_code code, const struct error *err,
		   void *data)
{
	struct oom_answer *a = data;

	a->n++;
	if (resp)
		snprintf(a->cid, sizeof(a->cid), "%s",
			 ((const Grpc__OOMEvent *)resp)->container_id);
}

static void wait_for(struct oom_answer *a)
{
	uint64_t end = time_mono_usec() + 20 * USEC_PER_SEC;

	while (!a->n && time_mono_usec() < end)
		loop_step(client.loop, 100);
}

/* A program that wants more than it may have: the reader of a line without an end. */
static void run_greedy(const char *cid)
{
	char *args[] = { (char *)"sh", (char *)"-c",
			 (char *)"head -c 100000000 /dev/zero | grep -c x; exit 9", NULL };
	Grpc__LinuxResources res = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory mem = GRPC__LINUX_MEMORY__INIT;
	struct error err = ERROR_INIT;
	struct test_spec s;

	test_spec_init(&s, &client, args);
	mem.limit = 8 << 20;
	mem.swap = mem.limit;
	res.memory = &mem;
	s.linux_.resources = &res;
	if (agent_run(&client, cid, &s, NULL, NULL, &err) < 0)
		fail_msg("%s", err.msg);
}

void test_oom(void **state)
{
	Grpc__GetOOMEventRequest req = GRPC__GET_OOMEVENT_REQUEST__INIT;
	struct oom_answer first = { 0 }, second = { 0 }, late = { 0 };

	if (host_lacks("memory"))
		skip_because("the host has no memory controller");
	/* Two callers: each event goes to one, the longer waiting first. */
	assert_int_equal(ttrpc_client_call(client.ttrpc, SVC, "GetOOMEvent", &req.base,
					   &grpc__oomevent__descriptor, 0, on_oom, &first, NULL),
			 0);
	assert_int_equal(ttrpc_client_call(client.ttrpc, SVC, "GetOOMEvent", &req.base,
					   &grpc__oomevent__descriptor, 0, on_oom, &second, NULL),
			 0);
	run_greedy("om1");
	wait_for(&first);
	assert_int_equal(first.n, 1);
	assert_string_equal(first.cid, "om1");
	run_greedy("om2");
	wait_for(&second);
	assert_int_equal(second.n, 1);
	/* One that happens while nobody asks is kept, also when its container is gone. Each kill is an event: om2 may have had more. */
	run_greedy("om3");
	for (int i = 0; i < 16 && strcmp(late.cid, "om3") != 0; i++) {
		late.n = 0;
		assert_int_equal(ttrpc_client_call(client.ttrpc, SVC, "GetOOMEvent", &req.base,
						   &grpc__oomevent__descriptor, 0, on_oom, &late,
						   NULL),
				 0);
		wait_for(&late);
	}
	assert_string_equal(late.cid, "om3");
}

static enum ttrpc_code list(const char *cid, const char *format, char **args, size_t n,
			    struct strbuf *out, struct error *err)
{
	Grpc__ListProcessesRequest req = GRPC__LIST_PROCESSES_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	enum ttrpc_code code;

	req.container_id = (char *)cid;
	req.format = (char *)format;
	req.args = args;
	req.n_args = n;
	code = agent_call_resp(&client, SVC, "ListProcesses", &req.base,
			       &grpc__list_processes_response__descriptor, &resp, err);
	if (code != TTRPC_OK)
		return code;
	strbuf_reset(out);
	strbuf_add(out, ((Grpc__ListProcessesResponse *)resp)->process_list.data,
		   ((Grpc__ListProcessesResponse *)resp)->process_list.len);
	protobuf_c_message_free_unpacked(resp, NULL);
	return code;
}

void test_list_processes(void **state)
{
	char *usual[] = { (char *)"-ef" }, *odd[] = { (char *)"-o", (char *)"pid" };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	start_sleeper("ls");
	assert_int_equal(list("ls", "json", NULL, 0, &out, &err), TTRPC_OK);
	assert_true(out.buf[0] == '[' && out.buf[out.len - 1] == ']' && out.len > 2);
	assert_null(strchr(out.buf, ','));
	assert_int_equal(list("ls", "table", usual, 1, &out, &err), TTRPC_OK);
	assert_non_null(
		str_after(out.buf, "UID          PID    PPID  C STIME TTY          TIME CMD\n"));
	assert_non_null(strstr(out.buf, " sleep 1000\n"));
	assert_int_equal(list("ls", "table", odd, 2, &out, &err), TTRPC_UNIMPLEMENTED);
	assert_string_equal(err.msg, "ps option \"-o\" is not supported");
	assert_int_equal(list("ls", "xml", NULL, 0, &out, &err), TTRPC_INVALID_ARGUMENT);
	assert_string_equal(err.msg, "format: \"xml\" is neither json nor table");
	agent_remove(&client, "ls", 10);
	assert_int_equal(list("ls", "json", NULL, 0, &out, &err), TTRPC_NOT_FOUND);
	strbuf_release(&out);
}

void test_metrics(void **state)
{
	static const char *const want[] = {
		"# TYPE kata_agent_scrape_count counter\nkata_agent_scrape_count 1\n",
		"\nkata_agent_threads 1\n",
		"\nkata_agent_proc_status{item=\"vmrss\"} ",
		"\nkata_agent_proc_stat{item=\"utime\"} ",
		"\nkata_agent_total_rss ",
		"\nkata_agent_process_open_fds ",
		"\nkata_guest_load{item=\"load1\"} ",
		"\nkata_guest_tasks{item=\"max\"} ",
		"\nkata_guest_cpu_time{cpu=\"total\",item=\"user\"} ",
		"\nkata_guest_cpu_time{cpu=\"0\",item=\"idle\"} ",
		"\nkata_guest_meminfo{item=\"mem_total\"} ",
		"\nkata_guest_netdev_stat{interface=\"lo\",item=\"recv_bytes\"} ",
		"\nkata_guest_vm_stat{item=\"pgfault\"} ",
		"\nkata_guest_filesystem_bytes{mount=\"/run\",item=\"total\"} ",
	};
	Grpc__GetMetricsRequest req = GRPC__GET_METRICS_REQUEST__INIT;
	ProtobufCMessage *resp = NULL;
	struct error err = ERROR_INIT;
	const char *text;

	assert_int_equal(agent_call_resp(&client, SVC, "GetMetrics", &req.base,
					 &grpc__metrics__descriptor, &resp, &err),
			 TTRPC_OK);
	text = ((Grpc__Metrics *)resp)->metrics;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		if (!strstr(text, want[i]))
			fail_msg("no \"%s\" in:\n%s", want[i], text);
	/* Every line is a comment, or a name, perhaps labels, and one number. */
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		assert_true(str_after(line, "# ") || str_after(line, "kata_agent_") ||
			    str_after(line, "kata_guest_"));
	protobuf_c_message_free_unpacked(resp, NULL);
}

/* What it does not do says why, with the code that callers go on with; what is the host's it leaves alone. */
void test_guest_refusals(void **state)
{
	Grpc__MemHotplugByProbeRequest probe = GRPC__MEM_HOTPLUG_BY_PROBE_REQUEST__INIT;
	Grpc__StartTracingRequest tracing = GRPC__START_TRACING_REQUEST__INIT;
	Grpc__MemAgentMemcgConfig memcg = GRPC__MEM_AGENT_MEMCG_CONFIG__INIT;
	Grpc__OnlineCPUMemRequest online = GRPC__ONLINE_CPUMEM_REQUEST__INIT;
	Grpc__AddSwapPathRequest path = GRPC__ADD_SWAP_PATH_REQUEST__INIT;
	Grpc__AddSwapRequest swap = GRPC__ADD_SWAP_REQUEST__INIT;
	bool guest = agent_client_in_guest();
	uint32_t slots[20] = { 1, 99 };
	uint64_t start = time_mono_usec();
	struct error err = ERROR_INIT;

	assert_int_equal(agent_call(&client, "StartTracing", &tracing.base, &err),
			 TTRPC_UNIMPLEMENTED);
	assert_int_equal(agent_call(&client, "StopTracing", &tracing.base, &err),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(agent_call(&client, "MemAgentMemcgSet", &memcg.base, &err),
			 TTRPC_UNIMPLEMENTED);
	assert_int_equal(agent_call(&client, "MemAgentCompactSet", &memcg.base, &err),
			 TTRPC_UNIMPLEMENTED);
	assert_non_null(strstr(err.msg, "no memory agent"));
	swap.pcipath = slots;
	swap.n_pcipath = 2;
	assert_int_equal(agent_call(&client, "AddSwap", &swap.base, &err), TTRPC_INVALID_ARGUMENT);
	swap.n_pcipath = 20;
	assert_int_equal(agent_call(&client, "AddSwap", &swap.base, &err), TTRPC_INVALID_ARGUMENT);
	path.path = (char *)"relative";
	assert_int_equal(agent_call(&client, "AddSwapPath", &path.base, &err),
			 guest ? TTRPC_INVALID_ARGUMENT : TTRPC_PERMISSION_DENIED);
	path.path = (char *)"/proc/version";
	assert_int_equal(agent_call(&client, "AddSwapPath", &path.base, &err),
			 guest ? TTRPC_INVALID_ARGUMENT : TTRPC_PERMISSION_DENIED);
	assert_int_not_equal(agent_call(&client, "MemHotplugByProbe", &probe.base, &err),
			     guest ? TTRPC_PERMISSION_DENIED : TTRPC_OK);
	online.nb_cpus = 1;
	online.cpu_only = true;
	assert_int_equal(agent_call(&client, "OnlineCPUMem", &online.base, &err),
			 guest ? TTRPC_OK : TTRPC_PERMISSION_DENIED);
	online.nb_cpus = 100000;
	assert_int_equal(agent_call(&client, "OnlineCPUMem", &online.base, &err),
			 guest ? TTRPC_INVALID_ARGUMENT : TTRPC_PERMISSION_DENIED);
	/* A caller who does not wait is not kept for a processor that never comes. */
	assert_true(time_mono_usec() - start < 10 * USEC_PER_SEC);
}
