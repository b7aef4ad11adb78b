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

int timings_write(const struct timings *t, const char *path, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct times moments = t->engine;
	struct json_out o;
	int r;

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
	if (strcmp(path, "-") == 0) {
		r = fd_write_full(STDOUT_FILENO, sb.buf, sb.len);
		return r < 0 ? error_sys(err, r, "timings") : 0;
	}
	return file_write_atomic(AT_FDCWD, path, 0644, sb.buf, sb.len, err);
}
