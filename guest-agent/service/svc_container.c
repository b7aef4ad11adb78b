/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "oci/spec_pb.h"
#include "service/devices.h"
#include "service/guest_hooks.h"
#include "wire/agent.pb-c.h"

/* ---- CreateContainer ------------------------------------------------------------------------------------------------ */

/* One call at work. The request lives as long as the call. */
struct create {
	struct agent *agent;
	struct ttrpc_call *call;
	const Grpc__CreateContainerRequest *req;
	struct agent_container *ac;
	struct oci_spec *spec; /* until the container takes it */
	struct storage_req *storages;
};

/* ac NULL: somebody else is freeing it. */
static void create_end(struct create *c, const struct error *err)
{
	if (c->ac)
		c->ac->creating = false;
	if (err && c->ac)
		agent_container_free(c->agent, c->ac);
	agent_reply_empty(c->call, err ? err->code : 0, err);
	oci_spec_free(c->spec);
	free(c->storages);
	free(c);
}

/* The namespaces of the sandbox that this container's spec asks to be in. */
static int join_sandbox(struct create *c, struct container_params *params, struct error *err)
{
	struct oci_linux *l = &c->spec->linux_;
	struct agent *a = c->agent;
	struct oci_namespace *list;
	bool has_pid = false;

	for (int i = 0; i < OCI_NS_MAX; i++)
		params->join[i] = -1;
	params->join[OCI_NS_IPC] = a->ipc_ns;
	params->join[OCI_NS_UTS] = a->uts_ns;
	if (a->share_pidns || c->req->sandbox_pidns)
		params->join[OCI_NS_PID] = a->pid_ns; /* the first one makes it */
	for (size_t i = 0; i < l->n_namespaces; i++)
		has_pid |= l->namespaces[i].type == OCI_NS_PID;
	if (has_pid)
		return 0;
	/* Hosts leave it out when the sandbox's is meant, and no container may see the agent's processes. */
	list = arena_new_array(&c->spec->arena, struct oci_namespace, l->n_namespaces + 1);
	if (!list)
		return error_oom(err);
	if (l->n_namespaces)
		memcpy(list, l->namespaces, l->n_namespaces * sizeof(*list));
	list[l->n_namespaces].type = OCI_NS_PID;
	l->namespaces = list;
	l->n_namespaces++;
	return 0;
}

static void keep_pid_namespace(struct create *c, const struct process *init)
{
	char path[64];

	if ((!c->agent->share_pidns && !c->req->sandbox_pidns) || c->agent->pid_ns >= 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)init->pid);
	c->agent->pid_ns = open(path, O_RDONLY | O_CLOEXEC);
}

static void on_created(struct process *p, const struct error *err, void *data)
{
	struct create *c = data;

	if (!p)
		c->ac = NULL;
	else if (!err)
		keep_pid_namespace(c, p);
	create_end(c, err);
}

/* Until all devices are there. */
static int try_devices(void *data, struct error *err)
{
	struct create *c = data;

	return devices_apply(c->req->devices, c->req->n_devices, c->spec, err);
}

static int make_container(struct create *c, struct error *err)
{
	_cleanup_free_ char *rootfs = NULL;
	struct container_params params = { .id = c->req->container_id };
	struct container *ct = NULL;
	int r;

	if (c->spec->root_path && c->spec->root_path[0] == '/')
		rootfs = strdup(c->spec->root_path);
	else
		rootfs = str_printf("%s/%s/rootfs", STORAGE_RUN_DIR, params.id);
	if (!rootfs)
		return error_oom(err);
	if (join_sandbox(c, &params, err) < 0)
		return err->code;
	params.spec = c->spec;
	params.rootfs = rootfs;
	r = container_new(&c->agent->env, &params, &ct, err);
	if (r < 0)
		return r;
	c->spec = NULL;
	c->ac->ct = ct;
	agent_oom_watch(c->ac);
	return container_create_init(ct, &params, c->req->exec_id, on_created, c, err);
}

static void on_storages(const struct error *err, void *data)
{
	struct create *c = data;
	struct error own = ERROR_INIT;

	if (err) {
		own = *err;
		error_prefix(&own, "container \"%s\"", c->req->container_id);
		create_end(c, &own);
	} else if (make_container(c, &own) < 0) {
		create_end(c, &own);
	}
}

static int check_create(struct agent *a, const Grpc__CreateContainerRequest *req, struct error *err)
{
	if (agent_check_id("container id", req->container_id, err) < 0 ||
	    (*req->exec_id && agent_check_id("exec id", req->exec_id, err) < 0))
		return err->code;
	if (!a->sandbox)
		return error_set(err, -EBUSY, "there is no sandbox yet");
	if (!req->oci)
		return error_set(err, -EINVAL, "OCI: missing");
	if (req->n_storages > STORAGE_MAX)
		return error_set(err, -EINVAL, "more than %d storages", STORAGE_MAX);
	if (req->stdin_port || req->stdout_port || req->stderr_port)
		return error_set(err, -EOPNOTSUPP,
				 "streams over ports of their own are not supported");
	if (req->n_shared_mounts)
		return error_set(err, -EOPNOTSUPP, "shared_mounts is not supported");
	return 0;
}

static int begin_create(struct create *c, struct error *err)
{
	int r = check_create(c->agent, c->req, err);

	if (r == 0)
		r = oci_spec_from_pb(c->req->oci, &c->spec, err);
	if (r == 0 && c->agent->hook_dir)
		r = guest_hooks_add(c->agent->hook_dir, c->spec, err);
	if (r == 0)
		r = agent_container_new(c->agent, c->req->container_id, &c->ac, err);
	if (r < 0 || !c->ac)
		return r;
	c->ac->creating = true;
	c->storages = svc_storages(c->req->storages, c->req->n_storages);
	if (!c->storages)
		return error_oom(err);
	r = storage_job_start(c->agent, c->storages, c->req->n_storages, c->req->container_id,
			      &c->ac->mounts, try_devices, on_storages, c, &c->ac->job);
	return r < 0 ? error_oom(err) : 0;
}

void svc_create_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct create *c = new0(struct create);
	struct error err = ERROR_INIT;

	if (!c) {
		error_oom(&err);
		ttrpc_call_error(call, &err);
		return;
	}
	c->agent = data;
	c->call = call;
	c->req = (const Grpc__CreateContainerRequest *)msg;
	if (begin_create(c, &err) < 0)
		create_end(c, &err);
}

/* ---- StartContainer ------------------------------------------------------------------------------------------------- */

static void on_started(struct process *p, const struct error *err, void *data)
{
	/* A container whose start failed stays, exited, until it is removed. */
	agent_reply_empty(data, err ? err->code : 0, err);
}

void svc_start_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__StartContainerRequest *req = (const Grpc__StartContainerRequest *)msg;
	struct agent_container *ac = NULL;
	struct error err = ERROR_INIT;
	int r = agent_find_container(data, req->container_id, &ac, &err);

	if (r == 0 && !ac->ct->init)
		r = error_set(&err, -EBUSY, "container \"%s\" has no process", req->container_id);
	if (r == 0)
		r = process_start(ac->ct->init, on_started, call, &err);
	if (r < 0)
		ttrpc_call_error(call, &err);
}

/* ---- RemoveContainer ------------------------------------------------------------------------------------------------ */

struct removal {
	struct agent *agent;
	struct agent_container *ac; /* NULL: freed with the sandbox */
	struct ttrpc_call *call;
	struct process_waiter waiter;
	struct loop_source *timer;
};

static void on_remove_exit(struct process_waiter *w, int exit_code);

/* Answers; with an error the container stays and can be removed again. */
static void removal_end(struct removal *rm, const struct error *err)
{
	loop_source_free(rm->timer);
	list_del(&rm->waiter.link);
	if (rm->ac) {
		rm->ac->holder = NULL;
		rm->ac->removing = false;
		if (!err)
			agent_container_free(rm->agent, rm->ac);
	}
	agent_reply_empty(rm->call, err ? err->code : 0, err);
	free(rm);
}

static void on_remove_deferred(struct loop_source *s, void *data)
{
	struct removal *rm = data;

	rm->timer = NULL;
	removal_end(rm, NULL);
}

/* Not at once: the process that tells of its exit is part of what is freed. */
static void on_remove_exit(struct process_waiter *w, int exit_code)
{
	struct removal *rm = container_of(w, struct removal, waiter);

	rm->timer = loop_source_free(rm->timer);
	if (loop_add_defer(rm->agent->loop, on_remove_deferred, rm, &rm->timer) < 0) {
		struct error err = ERROR_INIT;

		error_oom(&err);
		removal_end(rm, &err);
	}
}

static void on_remove_timeout(struct loop_source *s, void *data)
{
	struct removal *rm = data;
	struct error err = ERROR_INIT;

	error_set(&err, -ETIME, "container \"%s\" did not end in time", rm->ac->id);
	removal_end(rm, &err);
}

static int begin_remove(struct removal *rm, uint32_t timeout, struct error *err)
{
	int r = 0;

	if (timeout) {
		r = loop_add_timer(rm->agent->loop, on_remove_timeout, rm, &rm->timer);
		if (r < 0)
			return error_sys(err, r, "cannot make a timer");
		loop_timer_set(rm->timer, timeout * USEC_PER_SEC);
	}
	if (container_running(rm->ac->ct))
		r = container_kill_all(rm->ac->ct, err);
	if (r < 0) {
		loop_source_free(rm->timer);
		return r;
	}
	rm->ac->removing = true;
	rm->ac->holder = &rm->ac;
	rm->waiter.fn = on_remove_exit;
	list_init(&rm->waiter.link);
	if (rm->ac->ct->init)
		process_wait(rm->ac->ct->init, &rm->waiter);
	else
		removal_end(rm, NULL);
	return 0;
}

void svc_remove_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__RemoveContainerRequest *req = (const Grpc__RemoveContainerRequest *)msg;
	struct agent_container *ac = NULL;
	struct removal *rm = NULL;
	struct error err = ERROR_INIT;
	int r = agent_find_container(data, req->container_id, &ac, &err);

	if (r == 0) {
		rm = new0(struct removal);
		r = rm ? 0 : error_oom(&err);
	}
	if (r == 0) {
		rm->agent = data;
		rm->ac = ac;
		rm->call = call;
		list_init(&rm->waiter.link);
		r = begin_remove(rm, req->timeout, &err);
	}
	if (r < 0) {
		free(rm);
		ttrpc_call_error(call, &err);
	}
}
