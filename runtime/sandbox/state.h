/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_STATE_H
#define SANDBOX_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "sandbox/times.h"

/*
 * state.json: what the command line knows of a sandbox without asking its engine, and what it needs to clean up after one that was
 * killed. Written atomically by the engine at every change. A process is named by pid and start time, so a pid that was
 * used again is never mistaken for it.
 */
#define STATE_FILE	"state.json"
#define STATE_VERSION	1
#define STATE_MAX_BYTES (1u << 20)

struct state_process {
	pid_t pid;	/* 0: none */
	uint64_t start; /* process_start_time() */
};

struct state {
	char *id;
	char *bundle;
	char *rootfs;
	char *status;	   /* OCI: "creating", "created", "running", "stopped" */
	char *created;	   /* RFC 3339 */
	char *annotations; /* JSON object text; NULL: none */
	struct state_process engine, hypervisor, virtiofsd;
	int64_t exit_status; /* -1: not known */
	char *reason;	     /* why the sandbox was lost; NULL while it was not */
	char *accel;	     /* "kvm", "tcg"; NULL until launched */
	char *warning;	     /* for the user; NULL: none */
	char *rootfs_mode;   /* "virtio-fs" or "packed" */
	uint32_t owner;	     /* uid */
	struct times times;
};

void state_init(struct state *s);
void state_release(struct state *s);
#define _cleanup_state_ _cleanup_(state_release)
int state_write(int dirfd, const struct state *s, struct error *err);
/* -ENOENT when there is none. */
int state_read(int dirfd, struct state *s, struct error *err);
int state_parse(const char *json, size_t len, struct state *s, struct error *err);

#endif
