/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "agent/client.h"
#include "base/error.h"
#include "base/list.h"
#include "base/loop.h"
#include "config/config.h"
#include "disk/verity_seal.h"
#include "hypervisor/hypervisor.h"
#include "oci/spec.h"
#include "sandbox/instance.h"
#include "sandbox/state.h"
#include "sandbox/stdio.h"
#include "storage/packed.h"
#include "storage/share.h"
#include "storage/virtiofsd.h"

/*
 * The engine: one VM, its agent, its containers and their processes, on one event loop. What takes time answers through a
 * callback. The front doors (the Task service) translate messages to these calls and know nothing else.
 *
 * The state of a process changes in one place, process_finish() and its like, on the loop; whoever asks reads it there, so
 * nobody is told an old state.
 */

/* As containerd's Status (containerd.v1.types.Status). */
enum process_status {
	PROCESS_UNKNOWN = 0,
	PROCESS_CREATED = 1,
	PROCESS_RUNNING = 2,
	PROCESS_STOPPED = 3,
	PROCESS_PAUSED =
		4, /* as the first process of a paused container is shown; none is in this state */
};

struct sandbox;
struct container;

/* The first process of a container (exec_id "") or one that was added. */
struct process {
	struct list link; /* container.processes; the first process is its head's first entry */
	struct container *container;
	char *exec_id;
	char *agent_id; /* as the agent knows it: the container's id for the first process */
	enum process_status status;
	bool busy;	      /* a start or a delete is under way */
	char *in, *out, *err; /* FIFO paths as given, "" for none */
	bool terminal;
	struct oci_process_doc *spec; /* of an added process */
	struct stdio *io;
	bool exit_known; /* the guest told; the rest of the output may still be on the way */
	int exit_code;
	uint64_t exited_at;  /* CLOCK_REALTIME, nanoseconds; set when STOPPED */
	struct list waiters; /* struct process_waiter */
	struct list pending; /* calls to the agent whose answers want this process (process.c) */
};

/* Somebody who waits for STOPPED. fn is called once, after which the waiter is unlinked. */
struct process_waiter {
	struct list link;
	void (*fn)(struct process *p, struct process_waiter *w);
};

struct container {
	struct list link; /* sandbox.containers */
	struct sandbox *sandbox;
	char *id;
	char *bundle;
	struct oci_spec *spec; /* as sent to the guest */
	struct list processes;
	struct packed *packed; /* NULL: shared */
	bool paused;	       /* its processes stand */
	bool removed;	       /* the agent has forgotten it */
};

enum sandbox_phase { SANDBOX_NEW, SANDBOX_LAUNCHING, SANDBOX_RUNNING, SANDBOX_LOST, SANDBOX_ENDED };

struct sandbox {
	struct loop *loop;
	const struct config *config;
	struct instance *instance; /* directory and lock */
	char *id;
	enum sandbox_phase phase;
	struct list containers;
	const struct vm_ops *vm_ops;
	struct vm *vm;
	struct vm_params vm_params;
	bool measured; /* the image is: its root is checked by dm-verity */
	struct verity_seal verity;
	struct vm_disk disk;
	struct vm_fs fs;
	char *vm_dir, *fs_socket, *kernel_params;
	bool use_share; /* virtio-fs, else packed */
	struct share share;
	struct virtiofsd *virtiofsd;
	struct agent_client *agent;
	struct hybrid *hybrid; /* NULL until the agent answers */
	struct launch_ctx *launching;
	struct state state; /* what state.json says */
	int log_fd;
	/* The last container is gone or the launch failed: the front door may end. */
	void (*on_empty)(void *data);
	void *on_empty_data;
	/* The guest killed in a container for lack of memory; may be NULL. */
	void (*on_oom)(const char *cid, void *data);
	void *on_oom_data;
};

/* The loop, configuration and instance stay the caller's. bundle: for state.json. */
int sandbox_new(struct loop *loop, const struct config *config, struct instance *instance,
		const char *bundle, int log_fd, struct sandbox **ret, struct error *err);
/* Kills and removes everything it made on the host but the instance's directory. NULL accepted; returns NULL. */
struct sandbox *sandbox_free(struct sandbox *sb);

typedef void (*sandbox_done_fn)(const struct error *err /* NULL: success */, void *data);

struct container_params {
	const char *id;
	const char *bundle;
	const char *in, *out, *err; /* FIFO paths, "" for none */
	bool terminal;
};
/* Creates a container; the first one launches the VM. */
int sandbox_create_container(struct sandbox *sb, const struct container_params *p,
			     sandbox_done_fn fn, void *data, struct error *err);
/* -ENOENT with "container ..." or "process ..." in err. */
struct process *sandbox_find(struct sandbox *sb, const char *cid, const char *exec_id,
			     struct error *err);
bool sandbox_is_empty(const struct sandbox *sb);
/* The pid that stands for every process in the guest: the hypervisor's. */
pid_t sandbox_pid(const struct sandbox *sb);
/* The VM is lost: every process ends with AGENT_EXIT_LOST. */
void sandbox_lost(struct sandbox *sb, const char *reason);
/* Logs a line and keeps it for the user, who reads state.json; a second one is added after "; ". */
void sandbox_warn(struct sandbox *sb, const char *text);
/* Writes state.json; a failure is logged. */
void sandbox_save(struct sandbox *sb);

/* ---- container.c ---------------------------------------------------------------------------------------------- */

/* Reads the bundle's config.json and makes the object, linked into the sandbox. */
int container_new(struct sandbox *sb, const struct container_params *p, struct container **ret,
		  struct error *err);
struct container *container_free(struct container *c);
struct process *container_init_process(struct container *c);
/*
 * Makes the mount points and the working directory that a read-only root lacks, as runc does: the guest gets the root read-only
 * already and cannot. Before container_guest_spec(). What cannot be made the agent will report.
 */
void container_make_mount_points(const struct container *c, const char *rootfs);
/* Makes the spec what the guest shall see (see guest_spec.c). */
int container_guest_spec(struct container *c, struct error *err);

/* ---- resources.c ---------------------------------------------------------------------------------------------- */

/* RUNNING only. Answered when all processes of the container stand, or run again. */
int container_pause(struct container *c, bool paused, sandbox_done_fn fn, void *data,
		    struct error *err);
int container_update(struct container *c, const struct oci_resources *resources, sandbox_done_fn fn,
		     void *data, struct error *err);
/* stats NULL: err. */
typedef void (*sandbox_stats_fn)(const Grpc__StatsContainerResponse *stats, const struct error *err,
				 void *data);
int container_stats(struct container *c, sandbox_stats_fn fn, void *data, struct error *err);

/* ---- process.c ------------------------------------------------------------------------------------------------ */

int process_new(struct container *c, const char *exec_id, const struct container_params *io,
		struct process **ret, struct error *err);
struct process *process_free(struct process *p);
/* Starts the container's first process, or an added one. */
int process_start(struct process *p, sandbox_done_fn fn, void *data, struct error *err);
int process_kill(struct process *p, uint32_t sig, sandbox_done_fn fn, void *data,
		 struct error *err);
int process_resize(struct process *p, uint32_t rows, uint32_t columns, sandbox_done_fn fn,
		   void *data, struct error *err);
int process_close_stdin(struct process *p, sandbox_done_fn fn, void *data, struct error *err);
/*
 * STOPPED or never started only; -EBUSY also while its container is being created. The process (and with the first one the container) is freed before fn
 * is called.
 */
int process_delete(struct process *p, sandbox_done_fn fn, void *data, struct error *err);
/* Calls the waiter at once, from inside, when the process is STOPPED. */
void process_wait(struct process *p, struct process_waiter *w);
/* The sandbox was lost, or the process will never run: STOPPED with this code. */
void process_finish(struct process *p, int exit_code);

#endif
