/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/timings.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "codec/json.h"

static void moment(struct json_out *o, const struct timings *t, const char *name, uint64_t at)
{
	if (at >= t->run_start)
		json_out_u64(o, name, at - t->run_start);
}

static int row(struct strbuf *sb, const char *what, uint64_t from, uint64_t to)
{
	/* A moment that was not reached is 0. */
	if (!from || to < from)
		return 0;
	return strbuf_addf(sb, "  %-34s %8.1f ms\n", what, (double)(to - from) / 1000);
}

/* Consecutive spans of one run; the guest kernel's share is what its own clock said when the agent began. */
static int table(struct strbuf *sb, const struct timings *t)
{
	const struct times *e = &t->engine;
	uint64_t agent = e->vm_started ? e->vm_started + e->guest_boot_usec : 0;
	int r = strbuf_addf(sb, "where the time went (%s, root file system: %s)\n", t->accel,
			    t->rootfs_mode);

	if (agent > e->agent_ready)
		agent = e->agent_ready;
	if (r == 0)
		r = row(sb, "engine started, root fs prepared", t->run_start, e->vm_launch);
	if (r == 0)
		r = row(sb, "VM started", e->vm_launch, e->vm_started);
	if (r == 0)
		r = row(sb, "guest kernel", e->vm_started, agent);
	if (r == 0)
		r = row(sb, "firmware; agent ready", agent, e->agent_ready);
	if (r == 0)
		r = row(sb, "container started", e->agent_ready, e->container_started);
	if (r == 0)
		r = row(sb, "container ran", e->container_started, e->container_exited);
	if (r == 0)
		r = row(sb, "output delivered, all removed", e->container_exited, t->run_end);
	return r < 0 ? r : row(sb, "in all", t->run_start, t->run_end);
}

static int print_table(const struct timings *t, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r = table(&sb, t);

	if (r == 0)
		r = fd_write_full(STDERR_FILENO, sb.buf, sb.len);
	return r < 0 ? error_sys(err, r, "timings") : 0;
}

int timings_write(const struct timings *t, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct times moments = t->engine;
	struct json_out o;
	int r;

	if (strcmp(path, "-") == 0)
		return print_table(t, err);
	moments.guest_boot_usec = 0; /* a duration */
	json_out_init(&o, &sb, "  ");
	json_out_object(&o, NULL);
	json_out_i64(&o, "exitStatus", t->exit_status);
	json_out_string(&o, "rootfsMode", t->rootfs_mode);
	json_out_string(&o, "accelerator", t->accel);
	json_out_u64(&o, "guestBootUsec", t->engine.guest_boot_usec);
	json_out_object(&o, "moments");
#define X(name) moment(&o, t, #name, moments.name);
	TIMES_LIST(X)
#undef X
	moment(&o, t, "output_done", t->output_done);
	moment(&o, t, "run_end", t->run_end);
	json_out_end(&o);
	json_out_end(&o);
	r = json_out_finish(&o);
	if (r < 0)
		return error_sys(err, r, "timings");
	return file_write_atomic(AT_FDCWD, path, 0644, sb.buf, sb.len, err);
}
