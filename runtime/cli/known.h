/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_KNOWN_H
#define CLI_KNOWN_H

#include "cli/cli.h"
#include "sandbox/instance.h"
#include "sandbox/state.h"

/* A container that exists, as the commands see it. */
struct known {
	struct instance instance;
	struct state state; /* status is what holds now: "stopped" when the engine is dead */
	bool alive;	    /* an engine lives */
};
#define KNOWN_INIT                         \
	{                                  \
		.instance = INSTANCE_INIT, \
	}
/* -ENOENT when there is none. A half-made one, without readable state, has state.status NULL. */
int known_open(struct known *k, const struct cli *cli, const char *id, struct error *err);
void known_release(struct known *k);
#define _cleanup_known_ _cleanup_(known_release)
/* As known_open(), and an error when it has no state. */
int known_need(struct known *k, const struct cli *cli, const char *id, struct error *err);
/* The process on the host that stands for the container's: the stand-in, else the hypervisor; 0 when stopped. */
pid_t known_pid(const struct known *k);

#endif
