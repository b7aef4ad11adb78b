/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/agent_note.h"
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "service/policy.h"
#include "service/watch.h"
#include "wire/agent.pb-c.h"
#include "wire/health.pb-c.h"

#define EXIT_DELAY_USEC 50000

static void svc_check(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Grpc__HealthCheckResponse resp = GRPC__HEALTH_CHECK_RESPONSE__INIT;

	resp.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_call_reply(call, &resp.base);
}

static void svc_version(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	Grpc__VersionCheckResponse resp = GRPC__VERSION_CHECK_RESPONSE__INIT;

	resp.grpc_version = (char *)AGENT_PROTOCOL;
	resp.agent_version = (char *)KATA_VERSION;
	ttrpc_call_reply(call, &resp.base);
}

static const struct ttrpc_method health_methods[] = {
	{ "Check", &grpc__check_request__descriptor, svc_check },
	{ "Version", &grpc__check_request__descriptor, svc_version },
};

/* What is not here is answered with UNIMPLEMENTED by the server. */
static const struct ttrpc_method agent_methods[] = {
	{ "CreateSandbox", &grpc__create_sandbox_request__descriptor, svc_create_sandbox },
	{ "DestroySandbox", &grpc__destroy_sandbox_request__descriptor, svc_destroy_sandbox },
	{ "CreateContainer", &grpc__create_container_request__descriptor, svc_create_container },
	{ "StartContainer", &grpc__start_container_request__descriptor, svc_start_container },
	{ "RemoveContainer", &grpc__remove_container_request__descriptor, svc_remove_container },
	{ "UpdateContainer", &grpc__update_container_request__descriptor, svc_update_container },
	{ "PauseContainer", &grpc__pause_container_request__descriptor, svc_pause_container },
	{ "ResumeContainer", &grpc__resume_container_request__descriptor, svc_resume_container },
	{ "StatsContainer", &grpc__stats_container_request__descriptor, svc_stats_container },
	{ "GetOOMEvent", &grpc__get_oomevent_request__descriptor, svc_get_oom_event },
	{ "ListProcesses", &grpc__list_processes_request__descriptor, svc_list_processes },
	{ "GetMetrics", &grpc__get_metrics_request__descriptor, svc_get_metrics },
	{ "StartTracing", &grpc__start_tracing_request__descriptor, svc_start_tracing },
	{ "StopTracing", &grpc__stop_tracing_request__descriptor, svc_stop_tracing },
	{ "MemAgentMemcgSet", &grpc__mem_agent_memcg_config__descriptor, svc_mem_agent },
	{ "MemAgentCompactSet", &grpc__mem_agent_compact_config__descriptor, svc_mem_agent },
	{ "MemHotplugByProbe", &grpc__mem_hotplug_by_probe_request__descriptor,
	  svc_mem_hotplug_by_probe },
	{ "AddSwap", &grpc__add_swap_request__descriptor, svc_add_swap },
	{ "AddSwapPath", &grpc__add_swap_path_request__descriptor, svc_add_swap_path },
	{ "ExecProcess", &grpc__exec_process_request__descriptor, svc_exec_process },
	{ "SignalProcess", &grpc__signal_process_request__descriptor, svc_signal_process },
	{ "WaitProcess", &grpc__wait_process_request__descriptor, svc_wait_process },
	{ "WriteStdin", &grpc__write_stream_request__descriptor, svc_write_stdin },
	{ "ReadStdout", &grpc__read_stream_request__descriptor, svc_read_stdout },
	{ "ReadStderr", &grpc__read_stream_request__descriptor, svc_read_stderr },
	{ "UpdateInterface", &grpc__update_interface_request__descriptor, svc_update_interface },
	{ "UpdateRoutes", &grpc__update_routes_request__descriptor, svc_update_routes },
	{ "ListInterfaces", &grpc__list_interfaces_request__descriptor, svc_list_interfaces },
	{ "ListRoutes", &grpc__list_routes_request__descriptor, svc_list_routes },
	{ "AddARPNeighbors", &grpc__add_arpneighbors_request__descriptor, svc_add_arp_neighbors },
	{ "GetIPTables", &grpc__get_iptables_request__descriptor, svc_get_iptables },
	{ "SetIPTables", &grpc__set_iptables_request__descriptor, svc_set_iptables },
	{ "CopyFile", &grpc__copy_file_request__descriptor, svc_copy_file },
	{ "GetVolumeStats", &grpc__volume_stats_request__descriptor, svc_volume_stats },
	{ "ResizeVolume", &grpc__resize_volume_request__descriptor, svc_resize_volume },
	{ "UpdateEphemeralMounts", &grpc__update_ephemeral_mounts_request__descriptor,
	  svc_update_ephemeral },
	{ "RemoveStaleVirtiofsShareMounts",
	  &grpc__remove_stale_virtiofs_share_mounts_request__descriptor, svc_remove_stale_mounts },
	{ "SetPolicy", &grpc__set_policy_request__descriptor, svc_set_policy },
	{ "CloseStdin", &grpc__close_stdin_request__descriptor, svc_close_stdin },
	{ "TtyWinResize", &grpc__tty_win_resize_request__descriptor, svc_tty_win_resize },
	{ "GetGuestDetails", &grpc__guest_details_request__descriptor, svc_guest_details },
	{ "OnlineCPUMem", &grpc__online_cpumem_request__descriptor, svc_online_cpu_mem },
	{ "ReseedRandomDev", &grpc__reseed_random_dev_request__descriptor, svc_reseed_random },
	{ "SetGuestDateTime", &grpc__set_guest_date_time_request__descriptor, svc_set_date_time },
};

static struct ttrpc_service health_service = { .name = "grpc.Health",
					       .methods = health_methods,
					       .n_methods = ARRAY_SIZE(health_methods) };

static int allow(void *data, const struct ttrpc_method *method, const ProtobufCMessage *req,
		 struct error *err)
{
	const struct agent *a = data;

	/* Streams' calls would say nothing, many times. */
	if (!str_after(method->name, "Read") && !str_eq(method->name, "WriteStdin"))
		log_debug("call %s", method->name);
	return policy_check(a->policy, method, req, err);
}

int agent_set_policy(struct agent *a, const char *text, size_t len, const char *name,
		     struct error *err)
{
	struct policy *p = NULL;
	int r = policy_parse(text, len, name, agent_methods, ARRAY_SIZE(agent_methods), &p, err);

	if (r < 0)
		return r;
	policy_free(a->policy);
	a->policy = p;
	return 0;
}

int agent_load_policy(struct agent *a, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_free_ char *rego = NULL;
	int r = file_read(AT_FDCWD, path, POLICY_MAX_BYTES, &text, err);

	if (r == 0)
		return agent_set_policy(a, text.buf, text.len, path, err);
	if (r != -ENOENT)
		return r;
	rego = str_ends(path, ".toml") ? str_printf("%.*srego", (int)strlen(path) - 4, path) : NULL;
	if (rego && access(rego, F_OK) == 0)
		return error_set(err, -EINVAL,
				 "%s is a Rego policy, which this agent cannot evaluate, and there "
				 "is no %s",
				 rego, path);
	return 0;
}

void svc_set_policy(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__SetPolicyRequest *req = (const Grpc__SetPolicyRequest *)msg;
	struct error err = ERROR_INIT;
	int r = agent_set_policy(data, req->policy, strlen(req->policy), "policy", &err);

	agent_reply_empty(call, r, &err);
}

int agent_new(struct loop *loop, const struct agent_config *config, bool pid1, struct agent **ret,
	      struct error *err)
{
	struct agent *a = new0(struct agent);
	int r;

	if (!a)
		return error_oom(err);
	a->loop = loop;
	a->config = config;
	a->pid1 = pid1;
	a->ipc_ns = a->uts_ns = a->pid_ns = -1;
	list_init(&a->containers);
	list_init(&a->plugs);
	list_init(&a->oom_callers);
	list_init(&a->oom_events);
	storage_table_init(&a->storages);
	a->env.loop = loop;
	a->env.pipe_size = config->pipe_size;
	r = reaper_new(loop, &a->env.reaper);
	if (r == 0)
		r = hotplug_new(loop, &a->hotplug);
	if (r == 0)
		r = ttrpc_server_new(loop, &a->server);
	if (r < 0) {
		agent_free(a);
		return error_sys(err, r, "cannot make the agent");
	}
	/* Without cgroups containers run without limits; then requests that set limits are refused. */
	r = cgroup_root_open(&(struct cgroup_options){ .loop = loop, .lenient = !pid1 },
			     &a->env.cgroups, err);
	if (r < 0 && r != -ENOENT) {
		agent_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

struct agent *agent_free(struct agent *a)
{
	if (!a)
		return NULL;
	agent_reset_sandbox(a);
	agent_plug_release(a);
	a->server = ttrpc_server_free(a->server);
	hotplug_free(a->hotplug);
	policy_free(a->policy);
	loop_source_free(a->exit_timer);
	reaper_free(a->env.reaper);
	clock_keeper_free(a->clock);
	agent_oom_release(a);
	cgroup_root_free(a->env.cgroups);
	free(a);
	return NULL;
}

bool agent_owns_machine(const struct agent *a)
{
	return a->pid1 || str_after(a->config->server_addr, "vsock:");
}

/* Images with a daemon for it leave the clock to that. */
static void keep_time(struct agent *a)
{
	struct error err = ERROR_INIT;

	if (!agent_owns_machine(a) || (!a->pid1 && access("/usr/sbin/chronyd", F_OK) == 0))
		return;
	if (clock_keeper_new(a->loop, &clock_system, &a->clock, &err) < 0 && err.code != -ENOENT)
		log_warn("%s", err.msg);
}

int agent_serve(struct agent *a, int listen_fd, struct error *err)
{
	/* The service is kept by pointer and knows its agent. */
	static struct ttrpc_service agent_service = { .name = "grpc.AgentService",
						      .methods = agent_methods,
						      .n_methods = ARRAY_SIZE(agent_methods),
						      .allow = allow };
	int r;

	agent_service.data = a;
	a->cpus_online = agent_cpus_online();
	keep_time(a);
	r = ttrpc_server_add_service(a->server, &agent_service);
	if (r == 0)
		r = ttrpc_server_add_service(a->server, &health_service);
	if (r == 0)
		r = ttrpc_server_listen(a->server, listen_fd);
	return r < 0 ? error_sys(err, r, "cannot serve") : 0;
}

static void on_exit_timer(struct loop_source *s, void *data)
{
	loop_exit(loop_of(s), 0);
}

void agent_exit_soon(struct agent *a)
{
	if (a->exit_timer)
		return;
	if (loop_add_timer(a->loop, on_exit_timer, a, &a->exit_timer) < 0)
		loop_exit(a->loop, 0);
	else
		loop_timer_set(a->exit_timer, EXIT_DELAY_USEC);
}

void agent_reply_empty(struct ttrpc_call *call, int code, const struct error *err)
{
	Google__Protobuf__Empty resp = GOOGLE__PROTOBUF__EMPTY__INIT;

	if (code < 0)
		ttrpc_call_error(call, err);
	else
		ttrpc_call_reply(call, &resp.base);
}

int agent_check_id(const char *what, const char *id, struct error *err)
{
	if (path_valid_id(id))
		return 0;
	return error_set(err, -EINVAL, "invalid %s \"%.64s\"", what, id ? id : "");
}

int agent_find_container(struct agent *a, const char *cid, struct agent_container **ret,
			 struct error *err)
{
	struct list *pos;
	int r = agent_check_id("container id", cid, err);

	if (r < 0)
		return r;
	list_for_each(pos, &a->containers) {
		struct agent_container *ac = list_entry(pos, struct agent_container, link);

		if (!str_eq(ac->id, cid))
			continue;
		if (ac->creating || ac->removing)
			return error_set(err, -EBUSY, "container \"%s\" is being %s", cid,
					 ac->removing ? "removed" : "created");
		*ret = ac;
		return 0;
	}
	return error_set(err, -ENOENT, "container \"%s\" not found", cid);
}

int agent_find_process(struct agent *a, const char *cid, const char *exec_id, struct process **ret,
		       struct error *err)
{
	struct agent_container *ac = NULL;
	int r = agent_find_container(a, cid, &ac, err);

	if (r < 0 || !ac)
		return r;
	if (*exec_id && agent_check_id("exec id", exec_id, err) < 0)
		return err->code;
	*ret = container_process(ac->ct, exec_id);
	if (!*ret)
		return error_set(err, -ENOENT, "container \"%s\": process \"%s\" not found", cid,
				 exec_id);
	return 0;
}

int agent_container_new(struct agent *a, const char *cid, struct agent_container **ret,
			struct error *err)
{
	struct agent_container *ac;
	struct list *pos;

	list_for_each(pos, &a->containers) {
		ac = list_entry(pos, struct agent_container, link);
		if (str_eq(ac->id, cid))
			return error_set(err, -EEXIST, "container \"%s\" exists", cid);
	}
	if (a->n_containers >= AGENT_MAX_CONTAINERS)
		return error_set(err, -ENOSPC, "more than %d containers", AGENT_MAX_CONTAINERS);
	ac = new0(struct agent_container);
	if (!ac || !(ac->id = strdup(cid))) {
		free(ac);
		return error_oom(err);
	}
	ac->agent = a;
	list_add_tail(&a->containers, &ac->link);
	a->n_containers++;
	*ret = ac;
	return 0;
}

void agent_storage_drop(struct agent *a, const char *mount_point)
{
	if (storage_drop(&a->storages, mount_point))
		watch_drop(a, mount_point);
}

void agent_container_free(struct agent *a, struct agent_container *ac)
{
	_cleanup_free_ char *dir = str_printf("%s/%s", STORAGE_RUN_DIR, ac->id);

	if (ac->holder)
		*ac->holder = NULL;
	container_free(ac->ct);
	for (size_t i = ac->mounts.n; i > 0; i--)
		agent_storage_drop(a, ac->mounts.v[i - 1]);
	strv_release(&ac->mounts);
	if (dir)
		file_remove_tree(AT_FDCWD, dir, NULL);
	list_del(&ac->link);
	a->n_containers--;
	free(ac->id);
	free(ac);
}

void agent_reset_sandbox(struct agent *a)
{
	while (!list_empty(&a->containers)) {
		struct agent_container *ac =
			list_entry(a->containers.prev, struct agent_container, link);

		if (ac->job) { /* its callback frees the container */
			storage_job_cancel(ac->job);
			continue;
		}
		if (ac->ct)
			container_kill_all(ac->ct, NULL);
		agent_container_free(a, ac);
	}
	a->watches = watches_free(a->watches);
	storage_table_release(&a->storages);
	strv_release(&a->sandbox_mounts);
	a->ipc_ns = fd_close(a->ipc_ns);
	a->uts_ns = fd_close(a->uts_ns);
	a->pid_ns = fd_close(a->pid_ns);
	free(a->sandbox_id);
	a->sandbox_id = NULL;
	free(a->hook_dir);
	a->hook_dir = NULL;
	a->sandbox = false;
}
