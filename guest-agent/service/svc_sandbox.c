/* SPDX-License-Identifier: Apache-2.0 */
#include "service/agent.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "device/module.h"
#include "service/work.h"
#include "wire/agent.pb-c.h"

#define HOSTNAME_LIMIT	  64	  /* __NEW_UTS_LEN, include/uapi/linux/utsname.h */
#define DNS_MAX		  64	  /* lines of resolv.conf */
#define DESTROY_WAIT_USEC 2000000 /* for killed processes to go */
#define DESTROY_TICK_USEC 5000
#define MODULES_USEC	  (60 * USEC_PER_SEC) /* for all kernel modules */
#define GUEST_RESOLV_CONF STORAGE_RUN_DIR "/sandbox-resolv.conf"

/* ---- CreateSandbox -------------------------------------------------------------------------------------------------- */

struct sandbox_create {
	struct agent *agent;
	struct ttrpc_call *call;
	const Grpc__CreateSandboxRequest *req; /* lives as long as the call */
	struct storage_req *storages;
	struct storage_job *job;
	struct work *work; /* loading kernel modules */
};

/* A new namespace, kept open, without staying in it. flag: CLONE_NEWIPC or CLONE_NEWUTS. */
static int make_namespace(const char *path, int flag, const char *hostname, int *ret_fd,
			  struct error *err)
{
	_cleanup_fd_ int own = open(path, O_RDONLY | O_CLOEXEC), fd = -1;
	int r = 0;

	if (own < 0)
		return error_sys(err, -errno, "cannot open %s", path);
	if (unshare(flag) < 0)
		return error_sys(err, -errno, "cannot make a namespace");
	if (hostname && sethostname(hostname, strlen(hostname)) < 0)
		r = error_sys(err, -errno, "cannot set hostname \"%s\"", hostname);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = error_sys(err, -errno, "cannot open %s", path);
	if (setns(own, flag) < 0)
		abort(); /* see spawn_child() */
	if (r == 0)
		*ret_fd = fd_steal(&fd);
	return r;
}

/* The sandbox's name servers, for programs in the guest itself; containers have their own file from the host. */
static int set_dns(char *const *dns, size_t n, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (!n)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (strbuf_addf(&text, "%s\n", dns[i]) < 0)
			return error_oom(err);
	if (file_write_atomic(AT_FDCWD, GUEST_RESOLV_CONF, 0644, text.buf, text.len, err) < 0)
		return err->code;
	if (access("/etc/resolv.conf", F_OK) == 0 &&
	    mount(GUEST_RESOLV_CONF, "/etc/resolv.conf", NULL, MS_BIND, NULL) < 0)
		return error_sys(err, -errno, "cannot mount /etc/resolv.conf");
	return 0;
}

static int check_request(const struct agent *a, const Grpc__CreateSandboxRequest *req,
			 struct error *err)
{
	if (a->sandbox || a->sandbox_id)
		return error_set(err, -EEXIST, "there is a sandbox already");
	if (*req->sandbox_id && agent_check_id("sandbox id", req->sandbox_id, err) < 0)
		return err->code;
	if (strlen(req->hostname) > HOSTNAME_LIMIT)
		return error_set(err, -EINVAL, "hostname: longer than %d bytes", HOSTNAME_LIMIT);
	if (req->n_dns > DNS_MAX)
		return error_set(err, -EINVAL, "dns: more than %d lines", DNS_MAX);
	if (req->n_storages > STORAGE_MAX)
		return error_set(err, -EINVAL, "more than %d storages", STORAGE_MAX);
	if (req->n_kernel_modules > MODULES_MAX)
		return error_set(err, -EINVAL, "kernel_modules: more than %d", MODULES_MAX);
	for (size_t i = 0; i < req->n_kernel_modules; i++)
		if (!module_name_ok(req->kernel_modules[i]->name))
			return error_set(err, -EINVAL,
					 "\"%.64s\" is not the name of a kernel module",
					 req->kernel_modules[i]->name);
	if (*req->guest_hook_path && req->guest_hook_path[0] != '/')
		return error_set(err, -EINVAL, "guest_hook_path \"%.64s\" is not absolute",
				 req->guest_hook_path);
	return 0;
}

static void on_storages(const struct error *err, void *data)
{
	struct sandbox_create *sc = data;
	struct error own = ERROR_INIT;

	if (err) {
		own = *err;
		agent_reset_sandbox(sc->agent);
	} else {
		sc->agent->sandbox = true;
	}
	agent_reply_empty(sc->call, own.code, &own);
	free(sc->storages);
	free(sc);
}

static int begin(struct agent *a, const Grpc__CreateSandboxRequest *req, struct error *err)
{
	const char *host = *req->hostname ? req->hostname : NULL;

	a->sandbox_id = strdup(*req->sandbox_id ? req->sandbox_id : "sandbox");
	if (!a->sandbox_id)
		return error_oom(err);
	a->share_pidns = req->sandbox_pidns;
	if (*req->guest_hook_path && !(a->hook_dir = strdup(req->guest_hook_path)))
		return error_oom(err);
	if (file_mkdir_p(AT_FDCWD, STORAGE_RUN_DIR, 0755, err) < 0 ||
	    make_namespace("/proc/self/ns/ipc", CLONE_NEWIPC, NULL, &a->ipc_ns, err) < 0 ||
	    make_namespace("/proc/self/ns/uts", CLONE_NEWUTS, host, &a->uts_ns, err) < 0)
		return err->code;
	if (a->pid1 && host && sethostname(host, strlen(host)) < 0)
		return error_sys(err, -errno, "cannot set hostname \"%s\"", host);
	return a->pid1 ? set_dns(req->dns, req->n_dns, err) : 0;
}

static void mount_storages(struct sandbox_create *sc)
{
	struct agent *a = sc->agent;
	struct error err = ERROR_INIT;

	sc->storages = svc_storages(sc->req->storages, sc->req->n_storages);
	if (sc->storages &&
	    storage_job_start(a, sc->storages, sc->req->n_storages, "", &a->sandbox_mounts, NULL,
			      on_storages, sc, &sc->job) == 0)
		return;
	error_oom(&err);
	on_storages(&err, sc);
}

/* In a process of its own. */
static int load_modules(void *data, struct error *err)
{
	const struct sandbox_create *sc = data;
	int r = 0;

	for (size_t i = 0; r == 0 && i < sc->req->n_kernel_modules; i++) {
		const Grpc__KernelModule *m = sc->req->kernel_modules[i];

		r = module_load(m->name, m->parameters, m->n_parameters, err);
	}
	return r;
}

static void on_modules(const struct error *err, const struct strbuf *out, void *data)
{
	if (err)
		on_storages(err, data);
	else
		mount_storages(data);
}

void svc_create_sandbox(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__CreateSandboxRequest *req = (const Grpc__CreateSandboxRequest *)msg;
	struct work_params p = { .name = "kernel modules",
				 .fn = load_modules,
				 .timeout_usec = MODULES_USEC };
	struct sandbox_create *sc;
	struct agent *a = data;
	struct error err = ERROR_INIT;
	int r = check_request(a, req, &err);

	if (r < 0) {
		ttrpc_call_error(call, &err);
		return;
	}
	sc = new0(struct sandbox_create);
	r = sc ? begin(a, req, &err) : error_oom(&err);
	if (r < 0) {
		free(sc);
		agent_reset_sandbox(a);
		ttrpc_call_error(call, &err);
		return;
	}
	sc->agent = a;
	sc->call = call;
	sc->req = req;
	p.data = sc;
	if (!req->n_kernel_modules)
		mount_storages(sc);
	else if (work_start(a, &p, on_modules, sc, &sc->work, &err) < 0)
		on_storages(&err, sc);
}

/* ---- DestroySandbox ------------------------------------------------------------------------------------------------- */

struct destroy {
	struct agent *agent;
	struct ttrpc_call *call;
	struct loop_source *timer;
	uint64_t deadline;
};

static bool anything_runs(const struct agent *a)
{
	struct list *pos;

	list_for_each(pos, &a->containers) {
		struct agent_container *ac = list_entry(pos, struct agent_container, link);

		if (ac->ct && container_running(ac->ct))
			return true;
	}
	return false;
}

static void on_destroyed(struct loop_source *s, void *data)
{
	struct destroy *d = data;

	/* the loop frees a defer itself */
	agent_reply_empty(d->call, 0, NULL);
	agent_exit_soon(d->agent);
	free(d);
}

static void on_destroy_tick(struct loop_source *s, void *data)
{
	struct destroy *d = data;

	if (anything_runs(d->agent) && time_mono_usec() < d->deadline) {
		loop_timer_set(d->timer, DESTROY_TICK_USEC);
		return;
	}
	agent_reset_sandbox(d->agent);
	/* Removals under way have deferred their answers: theirs come first. */
	d->timer = loop_source_free(d->timer);
	if (loop_add_defer(d->agent->loop, on_destroyed, d, &d->timer) < 0)
		on_destroyed(NULL, d);
}

void svc_destroy_sandbox(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct agent *a = data;
	struct destroy *d = new0(struct destroy);
	struct error err = ERROR_INIT;
	struct list *pos;

	if (!d || loop_add_timer(a->loop, on_destroy_tick, d, &d->timer) < 0) {
		free(d);
		error_oom(&err);
		ttrpc_call_error(call, &err);
		return;
	}
	d->agent = a;
	d->call = call;
	d->deadline = time_mono_usec() + DESTROY_WAIT_USEC;
	list_for_each(pos, &a->containers) {
		struct agent_container *ac = list_entry(pos, struct agent_container, link);

		if (ac->ct && container_running(ac->ct))
			container_kill_all(ac->ct, NULL);
	}
	on_destroy_tick(d->timer, d);
}
