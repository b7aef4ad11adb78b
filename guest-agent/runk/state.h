/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RUNK_STATE_H
#define RUNK_STATE_H

#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"
#include "base/strv.h"
#include "codec/json.h"
#include "oci/spec.h"

/*
 * What is known of a container, in ROOT/ID/:
 *
 *	state.json	this structure
 *	config.json	the bundle's, as it was when the container was made
 *	.start.sock	the socket that its first process listens on, while it is being made
 *	start.sock	the same from then on until `start`: whoever unlinks it is the one that starts the container
 *
 * The directory's creation takes the id. Status follows from the process and these names, so that nothing has to be rewritten:
 * no process: stopped; .start.sock: creating; start.sock: created; neither: running, or paused by the cgroup.
 */
#define STATE_FILE	   "state.json"
#define STATE_CONFIG	   "config.json"
#define STATE_SOCK_MAKING  ".start.sock"
#define STATE_SOCK_CREATED "start.sock"
#define STATE_MAX_BYTES	   (1u << 20)

enum status {
	STATUS_CREATING,
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_STOPPED,
};

struct state {
	struct arena arena; /* owns the strings */
	int dirfd;	    /* ROOT/ID; -1: not open */
	char *id, *bundle, *rootfs, *created;
	char *cgroup;	/* cgroup_name(); NULL: none */
	uint32_t owner; /* user id of the caller of create */
	pid_t pid;
	uint64_t start_time; /* process_start_time() */
	bool hooks;	     /* poststart or poststop: config.json must be read for them */
	bool own_pidns;	     /* the end of its first process is the end of them all */
	struct oci_kv *annotations;
	size_t n_annotations;
};
#define STATE_INIT          \
	{                   \
		.dirfd = -1 \
	}
void state_release(struct state *s);
#define _cleanup_state_ _cleanup_(state_release)

/* Takes the id: -EEXIST when there is such a container. Opens s->dirfd. */
int state_make_dir(const char *root, const char *id, struct state *s, struct error *err);
int state_save(const struct state *s, struct error *err);
/* -ENOENT: `container "ID" does not exist`. */
int state_load(const char *root, const char *id, struct state *ret, struct error *err);
/* The container's config.json. */
int state_load_spec(const struct state *s, struct oci_spec **ret, struct error *err);
/* Removes the directory; what is not there is no failure. */
int state_remove(const char *root, const char *id, struct error *err);
/* Ids below root, sorted. A missing root has none. */
int state_ids(const char *root, struct strv *ret, struct error *err);

enum status state_status(const struct state *s);
const char *status_text(enum status st);
bool state_alive(const struct state *s);
/* runc's `state` and `list` object. */
void state_json(const struct state *s, struct json_out *o, const char *key, bool with_owner);
#endif
