/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SANDBOX_SANDBOX_INTERNAL_H
#define SANDBOX_SANDBOX_INTERNAL_H

#include "sandbox/launch.h"
#include "sandbox/sandbox.h"

/* Only for runtime/sandbox: what the launch steps share with the sandbox. */

/* One container being created; with the first one the VM is launched. */
struct launch_ctx {
	struct sandbox *sb;
	struct container *container;
	struct launch *launch;
	sandbox_done_fn fn;
	void *data;
	struct loop_source *deadline, *retry; /* of the agent's first answer */
	bool dialing;			      /* a connect of the driver is open */
	bool orphan;			      /* gone, but for that connect's answer */
};

int launch_begin(struct launch_ctx *ctx, bool first, struct error *err);

/* launch_agent.c */
int step_agent(struct launch *l, void *data, struct error *err);
void undo_agent(void *data);
int step_vsock(struct launch *l, void *data, struct error *err);
void undo_vsock(void *data);

/* resources.c: asks the agent for OOM events from now on */
void sandbox_watch_oom(struct sandbox *sb);

/* vm_setup.c */
int setup_check_assets(struct sandbox *sb, struct error *err);
int setup_vm_params(struct sandbox *sb, const char *disk_image, struct error *err);

/* "WHAT; the guest's last console lines:" and those lines, cut to what an error holds. */
void sandbox_console_error(struct sandbox *sb, struct error *err, int code, const char *fmt, ...)
	_printf_(4, 5);
/* As sandbox_lost(), in the next round of the loop: for callbacks of the objects that it frees. */
void sandbox_lost_later(struct sandbox *sb, const char *reason);

/* guest_spec.c: the storages of a container, in an arena. */
int guest_storages(struct container *c, struct arena *a, Grpc__Storage ***ret, size_t *ret_n,
		   struct error *err);
int guest_sandbox_storages(struct sandbox *sb, struct arena *a, Grpc__Storage ***ret, size_t *ret_n,
			   struct error *err);

#endif
