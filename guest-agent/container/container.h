/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTAINER_CONTAINER_H
#define CONTAINER_CONTAINER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/error.h"
#include "base/list.h"
#include "base/loop.h"
#include "cgroup/cgroup.h"
#include "container/reaper.h"
#include "oci/spec.h"
#include "stdio/stream.h"

/*
 * Containers and their processes as objects of one event loop. Nothing here blocks on a process, and nothing knows how requests
 * arrive.
 *
 *	SETUP ──READY──► CREATED ──start──► STARTING ──exec──► RUNNING ──► EXITED
 *	  └─────────────── any failure or death before exec ────────────────┘
 *
 * The first process (init) stops at CREATED until process_start(); joined ones go on by themselves.
 */

#define CONTAINER_MAX_PROCESSES 4096   /* known processes in one container, dead ones included */
#define PROCESS_DRAIN_USEC	500000 /* how long streams may stay open after the process died */

struct container_env {
	struct loop *loop;
	struct reaper *reaper;
	struct cgroup_root *cgroups; /* NULL: none here */
	uint32_t pipe_size;	     /* bytes; 0: the kernel's default */
};

enum process_state {
	PROCESS_SETUP,
	PROCESS_CREATED,
	PROCESS_STARTING,
	PROCESS_RUNNING,
	PROCESS_EXITED,
};

struct process;
/*
 * err NULL: done. Called exactly once for each request that was accepted. With p NULL the process was freed meanwhile; with p and
 * err it is the callee's to free.
 */
typedef void (*process_done_fn)(struct process *p, const struct error *err, void *data);

struct process_waiter {
	struct list link;
	void (*fn)(struct process_waiter *w, int exit_code); /* unlinked when called */
	void *data;
};

struct process {
	struct list link; /* in its container */
	struct container *container;
	char *exec_id; /* "" for a first process made without one */
	bool init, terminal;
	enum process_state state;
	pid_t pid;
	int exit_code; /* or 128 + signal; valid in EXITED */
	bool waited;   /* somebody was told the exit code */
	int sync_fd;
	struct loop_source *sync_src, *drain;
	bool exec_seen;	   /* the child said that execve follows */
	struct error fail; /* what the child reported */
	process_done_fn done;
	void *done_data;
	struct stream_in *in;
	struct stream_out *out, *err; /* err NULL with a terminal */
	int pty;		      /* terminal's master for its size; -1 */
	struct list waiters;
};

struct container {
	struct list link; /* the caller's */
	char *id;
	struct container_env *env;
	struct oci_spec *spec;
	char *rootfs;
	struct cgroup *cgroup; /* NULL: none */
	struct process *init;
	struct list processes; /* init included */
	size_t n_processes;
};

struct container_params {
	const char *id;
	struct oci_spec *spec; /* taken on success */
	const char *rootfs;    /* directory in the agent's eyes */
	/* Namespaces to join instead of making or opening what the spec says; -1: by the spec. Not kept. */
	int join[OCI_NS_MAX];
};

/* Checks the spec and makes the cgroup; no process yet. */
int container_new(struct container_env *env, const struct container_params *params,
		  struct container **ret, struct error *err);
/* Its processes must have exited or are killed and forgotten; removes the cgroup. NULL accepted; returns NULL. */
struct container *container_free(struct container *c);
/* Makes the first process up to CREATED. When it fails, at once or later, the process is gone. */
int container_create_init(struct container *c, const struct container_params *params,
			  const char *exec_id, process_done_fn done, void *data, struct error *err);
/* Adds a process to a running container and runs it. */
int container_exec(struct container *c, const char *exec_id, const struct oci_process *proc,
		   process_done_fn done, void *data, struct error *err);
/* "" or the first process's id is the first process. NULL: none such. */
struct process *container_process(struct container *c, const char *exec_id);
/* SIGKILL to everything inside. */
int container_kill_all(struct container *c, struct error *err);
bool container_running(const struct container *c);

int process_start(struct process *p, process_done_fn done, void *data, struct error *err);
/* -ESRCH when it has exited. A first process that does not handle SIGTERM gets SIGKILL, as it would ignore the other. */
int process_signal(struct process *p, int sig, struct error *err);
int process_resize(struct process *p, uint32_t rows, uint32_t columns, struct error *err);
/* Calls w->fn when it exits, at once if it has. */
void process_wait(struct process *p, struct process_waiter *w);

/* container/process.c's own, used by container.c. */
int process_new(struct container *c, const char *exec_id, bool init, bool terminal,
		struct process **ret, struct error *err);
struct process *process_free(struct process *p);
/* The directory that holds the root, as hooks are told. Malloc'd; NULL: out of memory. */
char *container_bundle(const struct container *c);
void process_hooks_after(const struct container *c, const struct oci_hook_list *list,
			 const char *name, const char *status, pid_t pid);
struct launch;
int process_launch(struct process *p, struct launch *l, process_done_fn done, void *data,
		   struct error *err);

#endif
