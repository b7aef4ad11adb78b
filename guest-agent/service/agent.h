/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVICE_AGENT_H
#define SERVICE_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include "container/container.h"
#include "init/clock.h"
#include "init/cmdline.h"
#include "service/hotplug.h"
#include "storage/storage.h"
#include "wire/ttrpc.h"

/*
 * The agent: one sandbox, its containers, and the service that drives them. For guest-agent/service and main.c.
 */

#define AGENT_MAX_CONTAINERS 512

struct agent;

struct agent_container {
	struct list link; /* in the agent */
	struct agent *agent;
	struct container *ct; /* NULL while its storages are being mounted */
	char *id;
	struct strv mounts;	 /* storages that it counts as a user of */
	struct storage_job *job; /* while they are being mounted */
	bool creating, removing; /* a call is at work on it; others are refused */
	struct agent_container **
		holder; /* a removal's pointer to this; cleared when something else frees it first */
};

struct agent {
	struct loop *loop;
	const struct agent_config *config;
	bool pid1;
	struct ttrpc_server *server;
	struct container_env env;
	struct hotplug *hotplug;
	struct policy *policy;		/* NULL: every call is allowed */
	uint64_t boot_usec, ready_usec; /* CLOCK_BOOTTIME at main() and when listening */

	bool sandbox; /* CreateSandbox was answered */
	char *sandbox_id;
	struct watches *watches; /* NULL until there is one */
	char *hook_dir;		 /* of the guest's own hooks; NULL: none */
	struct strv sandbox_mounts;
	bool share_pidns;
	int ipc_ns, uts_ns, pid_ns; /* the sandbox's namespaces; -1 while there is none */
	struct list containers;
	size_t n_containers;
	struct storage_table storages;
	struct loop_source *exit_timer;
	uint64_t scrapes;     /* calls of GetMetrics */
	uint32_t cpus_online; /* when OnlineCPUMem was last answered */
	struct list plugs;    /* service/svc_plug.c: calls that wait for the machine */
	struct clock_keeper *clock;
	/* service/oom.c */
	struct list oom_callers, oom_events;
	size_t n_oom_events;
};

int agent_new(struct loop *loop, const struct agent_config *config, bool pid1, struct agent **ret,
	      struct error *err);
/* Kills and unmounts what is left. NULL accepted; returns NULL. */
struct agent *agent_free(struct agent *a);
/* Takes the listening socket and serves. */
int agent_serve(struct agent *a, int listen_fd, struct error *err);
/* Takes these rules instead of those before; with an error the ones before stay. name: for errors. */
int agent_set_policy(struct agent *a, const char *text, size_t len, const char *name,
		     struct error *err);
/*
 * The policy of the image, if it has one. -EINVAL when there is only one for upstream's agent (the same name, ending in .rego): a call
 * that it forbids must not pass.
 */
int agent_load_policy(struct agent *a, const char *path, struct error *err);
/* Ends the loop in a moment, so that an answer on its way still leaves. */
void agent_exit_soon(struct agent *a);

/* Ids are checked before anything is done with them: -EINVAL names the bad one. */
int agent_check_id(const char *what, const char *id, struct error *err);
/* -ENOENT names what is missing. */
int agent_find_container(struct agent *a, const char *cid, struct agent_container **ret,
			 struct error *err);
int agent_find_process(struct agent *a, const char *cid, const char *exec_id, struct process **ret,
		       struct error *err);
int agent_container_new(struct agent *a, const char *cid, struct agent_container **ret,
			struct error *err);
/* Frees the container, lets go of its storages, removes its directory. */
void agent_container_free(struct agent *a, struct agent_container *ac);
/* One user less of a mount point, and the end of what belongs to it with the last. */
void agent_storage_drop(struct agent *a, const char *mount_point);
/* All containers, storages and namespaces. */
void agent_reset_sandbox(struct agent *a);

/* One storage after another, trying again while a device is missing; calls back once. */
struct storage_job;
typedef void (*storage_job_fn)(const struct error *err, void *data);
/*
 * ready (may be NULL) comes first, and is tried like a storage until it is 0. reqs stays the caller's until the callback, which may
 * run before this returns. mounts gets what was mounted. *slot is the job while it runs.
 */
int storage_job_start(struct agent *a, struct storage_req *reqs, size_t n, const char *cid,
		      struct strv *mounts, hotplug_try_fn ready, storage_job_fn fn, void *data,
		      struct storage_job **slot);
/* Calls back with -ECANCELED. */
void storage_job_cancel(struct storage_job *j);

/* Whether clock, memory and processors are this agent's to change: it is a guest's init, or serves a guest's vsock. */
bool agent_owns_machine(const struct agent *a);
/* Forgets the calls that wait for processors, memory or swap. */
void agent_plug_release(struct agent *a);
uint32_t agent_cpus_online(void);
/* Its OOM events go to the callers of GetOOMEvent. */
void agent_oom_watch(struct agent_container *ac);
void agent_oom_release(struct agent *a);

/* Answers with google.protobuf.Empty, or with the error when code < 0. */
void agent_reply_empty(struct ttrpc_call *call, int code, const struct error *err);

/* The handlers, by file. */
void svc_create_sandbox(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_destroy_sandbox(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_create_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_start_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_remove_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_update_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_pause_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_resume_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_stats_container(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_get_oom_event(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_list_processes(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_get_metrics(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_start_tracing(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_stop_tracing(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_mem_agent(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_mem_hotplug_by_probe(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_add_swap(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_add_swap_path(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_exec_process(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_signal_process(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_wait_process(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_write_stdin(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_read_stdout(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_read_stderr(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_close_stdin(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_tty_win_resize(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_guest_details(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_online_cpu_mem(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_reseed_random(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_set_date_time(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
/* svc_network.c, svc_iptables.c */
void svc_update_interface(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_update_routes(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_list_interfaces(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_list_routes(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_add_arp_neighbors(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_get_iptables(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_set_iptables(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_set_policy(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);

/* svc_volume.c */
void svc_copy_file(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_volume_stats(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_resize_volume(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_remove_stale_mounts(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);
void svc_update_ephemeral(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data);

/* Storage messages to requests that point into them; malloc'd array. NULL: out of memory. */
struct Grpc__Storage;
struct storage_req *svc_storages(struct Grpc__Storage *const *msgs, size_t n);

#endif
