/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "sandbox/sandbox_internal.h"
#include "storage/guest_paths.h"

#define RPC_TIMEOUT_MS 60000

/* ---- assets --------------------------------------------------------------------------------------------------- */

static int step_assets(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;

	return setup_check_assets(ctx->sb, err);
}

/* ---- root file system ----------------------------------------------------------------------------------------- */

static char *rootfs_path(const struct container *c)
{
	if (c->spec->root_path[0] == '/')
		return path_clean(c->spec->root_path);
	return path_join(c->bundle, c->spec->root_path);
}

static void on_packed(const struct error *err, void *data)
{
	struct launch_ctx *ctx = data;

	ctx->sb->state.times.rootfs_ready = time_mono_usec();
	launch_step_done(ctx->launch, err);
}

static int pack_rootfs(struct launch_ctx *ctx, const char *rootfs, struct error *err)
{
	_cleanup_free_ char *image = path_join(ctx->sb->vm_dir, "rootfs.erofs");
	struct packed_params p = { .rootfs = rootfs, .image = image };
	int r;

	if (!image)
		return error_oom(err);
	p.own_as_root = geteuid() != 0;
	r = packed_start(ctx->sb->loop, &p, on_packed, ctx, &ctx->container->packed, err);
	return r < 0 ? r : LAUNCH_PENDING;
}

static int share_rootfs(struct launch_ctx *ctx, const char *rootfs, struct error *err)
{
	struct sandbox *sb = ctx->sb;
	struct container *c = ctx->container;
	int r = 0;

	if (!sb->share.dir) {
		_cleanup_free_ char *dir = path_join(sb->instance->dir, "shared");

		r = dir ? share_open(&sb->share, dir, err) : error_oom(err);
	}
	if (c->spec->root_readonly)
		container_make_mount_points(c, rootfs);
	if (r == 0)
		r = share_add_rootfs(&sb->share, c->id, rootfs, c->spec->root_readonly, err);
	sb->state.times.rootfs_ready = time_mono_usec();
	return r;
}

static int step_rootfs(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;
	_cleanup_free_ char *rootfs = rootfs_path(ctx->container);
	int r;

	if (!rootfs)
		return error_oom(err);
	if (strcmp(sb->id, ctx->container->id) == 0 && !sb->state.rootfs)
		sb->state.rootfs = strdup(rootfs);
	r = file_mkdir_p(AT_FDCWD, sb->vm_dir, 0700, err);
	if (r == 0)
		r = sb->use_share ? share_rootfs(ctx, rootfs, err) : pack_rootfs(ctx, rootfs, err);
	return r;
}

static void undo_rootfs(void *data)
{
	struct launch_ctx *ctx = data;

	share_remove(&ctx->sb->share, ctx->container->id);
	ctx->container->packed = packed_free(ctx->container->packed);
}

static void undo_first_rootfs(void *data)
{
	struct launch_ctx *ctx = data;

	undo_rootfs(data);
	share_close(&ctx->sb->share);
}

/* What the bundle says becomes what the guest shall see; binds the mounts from the host. */
static int step_spec(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;

	return container_guest_spec(ctx->container, err);
}

/* ---- virtiofsd ------------------------------------------------------------------------------------------------ */

static void on_virtiofsd_exit(int wait_status, void *data)
{
	struct sandbox *sb = data;
	struct error err = ERROR_INIT;

	error_set(&err, -EIO, "virtiofsd ended with status 0x%x; see the log",
		  (unsigned)wait_status);
	if (sb->launching && sb->phase == SANDBOX_LAUNCHING)
		launch_step_done(sb->launching->launch, &err);
	else
		sandbox_lost_later(sb, err.msg);
}

static int step_virtiofsd(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;
	const struct config *c = sb->config;
	struct virtiofsd_params p = { .path = c->virtio_fs_daemon,
				      .socket = sb->fs_socket,
				      .shared_dir = sb->share.dir,
				      .cache = c->virtio_fs_cache,
				      .extra_args = c->virtio_fs_extra_args.v,
				      .log_fd = sb->log_fd };
	int r;

	if (!sb->use_share)
		return 0;
	r = virtiofsd_start(sb->loop, &p, on_virtiofsd_exit, sb, &sb->virtiofsd, err);
	if (r == 0)
		sandbox_save(sb);
	return r;
}

static void undo_virtiofsd(void *data)
{
	struct launch_ctx *ctx = data;

	ctx->sb->virtiofsd = virtiofsd_free(ctx->sb->virtiofsd);
}

/* ---- hypervisor ----------------------------------------------------------------------------------------------- */

static void on_vm_started(struct vm *vm, const struct error *err, void *data)
{
	struct sandbox *sb = data;
	const char *warning = NULL, *accel;

	if (!sb->launching)
		return;
	if (!err) {
		accel = sb->vm_ops->accel_name(vm, &warning);
		sb->state.accel = accel ? strdup(accel) : NULL;
		if (warning)
			sandbox_warn(sb, warning);
		sandbox_save(sb);
	}
	launch_step_done(sb->launching->launch, err);
}

static void on_vm_exit(struct vm *vm, const char *reason, void *data)
{
	struct sandbox *sb = data;
	struct error err = ERROR_INIT;

	sandbox_console_error(sb, &err, -EIO, "%s", reason);
	if (sb->launching && sb->phase == SANDBOX_LAUNCHING)
		launch_step_done(sb->launching->launch, &err);
	else
		sandbox_lost_later(sb, err.msg);
}

static int step_hypervisor(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;
	const struct packed *packed = ctx->container->packed;
	int r;

	r = setup_vm_params(sb, packed ? packed_image(packed) : NULL, err);
	if (r == 0)
		r = sb->vm_ops->probe(&sb->vm_params, err);
	if (r == 0)
		r = sb->vm_ops->launch(sb->loop, &sb->vm_params, on_vm_started, on_vm_exit, sb,
				       &sb->vm, err);
	if (r < 0)
		return r;
	sandbox_save(sb);
	return LAUNCH_PENDING;
}

static void undo_hypervisor(void *data)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;

	if (sb->vm)
		sb->vm_ops->free(sb->vm);
	sb->vm = NULL;
}

/* ---- sandbox and container in the guest ----------------------------------------------------------------------- */

static void on_sandbox(const struct error *err, void *data)
{
	struct launch_ctx *ctx = data;

	ctx->sb->state.times.sandbox_ready = time_mono_usec();
	launch_step_done(ctx->launch, err);
}

static int step_sandbox(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct agent_sandbox_params p = { .sandbox_id = sb->id,
					  .hostname = ctx->container->spec->hostname,
					  .kernel_modules = sb->config->kernel_modules.v,
					  .n_kernel_modules = sb->config->kernel_modules.n };
	int r = guest_sandbox_storages(sb, &a, &p.storages, &p.n_storages, err);

	if (r < 0)
		return r;
	r = agent_create_sandbox(sb->agent, &p, RPC_TIMEOUT_MS, on_sandbox, ctx);
	return r < 0 ? error_sys(err, r, "cannot reach the agent") : LAUNCH_PENDING;
}

static void on_container(const struct error *err, void *data)
{
	struct launch_ctx *ctx = data;

	ctx->sb->state.times.container_created = time_mono_usec();
	launch_step_done(ctx->launch, err);
}

static int step_container(struct launch *l, void *data, struct error *err)
{
	struct launch_ctx *ctx = data;
	struct container *c = ctx->container;
	_cleanup_arena_ struct arena a = ARENA_INIT;
	struct agent_container_params p = { .container_id = c->id, .spec = c->spec };
	int r = guest_storages(c, &a, &p.storages, &p.n_storages, err);

	if (r < 0)
		return r;
	r = agent_create_container(ctx->sb->agent, &p,
				   ctx->sb->config->create_container_timeout * 1000ULL,
				   on_container, ctx);
	return r < 0 ? error_sys(err, r, "cannot reach the agent") : LAUNCH_PENDING;
}

/* ---- the tables ----------------------------------------------------------------------------------------------- */

static const struct launch_step first_steps[] = {
	{ "assets", step_assets, NULL },
	{ "rootfs", step_rootfs, undo_first_rootfs },
	{ "spec", step_spec, NULL },
	{ "virtiofsd", step_virtiofsd, undo_virtiofsd },
	{ "hypervisor", step_hypervisor, undo_hypervisor },
	{ "agent", step_agent, undo_agent },
	{ "vsock", step_vsock, undo_vsock },
	{ "sandbox", step_sandbox, NULL },
	{ "container", step_container, NULL },
};

static const struct launch_step further_steps[] = {
	{ "rootfs", step_rootfs, undo_rootfs },
	{ "spec", step_spec, NULL },
	{ "container", step_container, NULL },
};

static void on_launched(const struct error *err, void *data)
{
	struct launch_ctx *ctx = data;
	struct sandbox *sb = ctx->sb;
	sandbox_done_fn fn = ctx->fn;
	void *fn_data = ctx->data;

	sb->launching = NULL;
	if (err) {
		log_error("%s", error_text(err));
		container_free(ctx->container);
		if (sb->phase == SANDBOX_LAUNCHING)
			sb->phase = SANDBOX_ENDED;
	} else {
		if (sb->phase == SANDBOX_LAUNCHING)
			sandbox_watch_oom(sb);
		sb->phase = SANDBOX_RUNNING;
	}
	if (ctx->dialing)
		ctx->orphan = true;
	else
		free(ctx);
	sandbox_save(sb);
	fn(err, fn_data);
	if (sandbox_is_empty(sb) && sb->on_empty)
		sb->on_empty(sb->on_empty_data);
}

int launch_begin(struct launch_ctx *ctx, bool first, struct error *err)
{
	int r;

	if (first)
		r = launch_start(ctx->sb->loop, first_steps, ARRAY_SIZE(first_steps), ctx,
				 on_launched, &ctx->launch);
	else
		r = launch_start(ctx->sb->loop, further_steps, ARRAY_SIZE(further_steps), ctx,
				 on_launched, &ctx->launch);
	return r < 0 ? error_sys(err, r, "cannot start the launch") : 0;
}
