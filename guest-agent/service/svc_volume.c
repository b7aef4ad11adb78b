/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "service/agent.h"
#include "service/work.h"
#include "storage/copyfile.h"
#include "storage/volume.h"
#include "wire/agent.pb-c.h"
#include "wire/csi.pb-c.h"

#define STATS_USEC  (10 * USEC_PER_SEC)
#define RESIZE_USEC (600 * USEC_PER_SEC) /* a large file system may take minutes */

/* ---- CopyFile ------------------------------------------------------------------------------------------------------- */

void svc_copy_file(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__CopyFileRequest *m = (const Grpc__CopyFileRequest *)msg;
	struct copyfile_req req = { .path = m->path,
				    .size = m->file_size,
				    .offset = m->offset,
				    .mode = m->file_mode,
				    .dir_mode = m->dir_mode,
				    .uid = m->uid,
				    .gid = m->gid,
				    .data = m->data.data,
				    .len = m->data.len };
	struct error err = ERROR_INIT;
	int r = copyfile_apply(COPYFILE_ROOT, &req, &err);

	agent_reply_empty(call, r, &err);
}

/* ---- what runs in a process of its own ------------------------------------------------------------------------------ */

struct volume_call {
	struct ttrpc_call *call;
	const char *path; /* of the request */
	uint64_t size, wait_usec;
	struct work *work;
};

static void on_cancel(struct ttrpc_call *call, void *data)
{
	struct volume_call *c = data;

	work_cancel(c->work);
	free(c);
}

static void on_done(const struct error *err, const struct strbuf *out, void *data)
{
	struct volume_call *c = data;

	agent_reply_empty(c->call, err ? err->code : 0, err);
	free(c);
}

static void start(struct agent *a, struct volume_call *c, const struct work_params *p, work_fn done)
{
	struct error err = ERROR_INIT;
	int r = 0;

	if (c->path && (c->path[0] != '/' || strlen(c->path) >= PATH_MAX))
		r = error_set(&err, -EINVAL, "volume path \"%.64s\" is not absolute", c->path);
	if (r == 0)
		r = work_start(a, p, done, c, &c->work, &err);
	if (r == 0) {
		ttrpc_call_on_cancel(c->call, on_cancel, c);
		return;
	}
	ttrpc_call_error(c->call, &err);
	free(c);
}

static struct volume_call *call_new(struct ttrpc_call *call, const char *path)
{
	struct volume_call *c = new0(struct volume_call);
	struct error err = ERROR_INIT;

	if (!c) {
		error_oom(&err);
		ttrpc_call_error(call, &err);
		return NULL;
	}
	c->call = call;
	c->path = path;
	return c;
}

static int do_resize(void *data, struct error *err)
{
	const struct volume_call *c = data;

	return volume_resize(c->path, c->size, c->wait_usec, err);
}

void svc_resize_volume(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__ResizeVolumeRequest *req = (const Grpc__ResizeVolumeRequest *)msg;
	const struct agent *a = data;
	struct volume_call *c = call_new(call, req->volume_guest_path);
	struct work_params p = {
		.name = "ResizeVolume", .fn = do_resize, .data = c, .timeout_usec = RESIZE_USEC
	};

	if (!c)
		return;
	c->size = req->size;
	c->wait_usec = a->config->hotplug_usec;
	start(data, c, &p, on_done);
}

static int do_drop_stale(void *data, struct error *err)
{
	return volume_drop_stale(COPYFILE_ROOT, err);
}

void svc_remove_stale_mounts(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	struct work_params p = { .name = "RemoveStaleVirtiofsShareMounts",
				 .fn = do_drop_stale,
				 .timeout_usec = STATS_USEC };
	struct volume_call *c = call_new(call, NULL);

	if (c)
		start(data, c, &p, on_done);
}

/* ---- GetVolumeStats ------------------------------------------------------------------------------------------------- */

static int do_stats(void *data, struct error *err)
{
	const struct volume_call *c = data;
	struct volume_stats st;
	int r = volume_stats(c->path, &st, err);

	if (r == 0)
		r = fd_write_full(STDOUT_FILENO, &st, sizeof(st));
	return r;
}

static void on_stats(const struct error *err, const struct strbuf *out, void *data)
{
	Grpc__VolumeStatsResponse resp = GRPC__VOLUME_STATS_RESPONSE__INIT;
	Grpc__VolumeUsage bytes = GRPC__VOLUME_USAGE__INIT, inodes = GRPC__VOLUME_USAGE__INIT;
	Grpc__VolumeUsage *usage[] = { &bytes, &inodes };
	Grpc__VolumeCondition condition = GRPC__VOLUME_CONDITION__INIT;
	struct volume_call *c = data;
	struct volume_stats st;

	if (err || out->len != sizeof(st)) {
		struct error own = ERROR_INIT;

		if (!err)
			error_set(&own, -EIO, "volume \"%s\": no answer", c->path);
		ttrpc_call_error(c->call, err ? err : &own);
		free(c);
		return;
	}
	memcpy(&st, out->buf, sizeof(st));
	bytes.total = st.total;
	bytes.used = st.used;
	bytes.available = st.available;
	bytes.unit = GRPC__VOLUME_USAGE__UNIT__BYTES;
	inodes.total = st.inodes;
	inodes.used = st.inodes_used;
	inodes.available = st.inodes_available;
	inodes.unit = GRPC__VOLUME_USAGE__UNIT__INODES;
	resp.usage = usage;
	resp.n_usage = ARRAY_SIZE(usage);
	resp.volume_condition = &condition;
	ttrpc_call_reply(c->call, &resp.base);
	free(c);
}

void svc_volume_stats(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__VolumeStatsRequest *req = (const Grpc__VolumeStatsRequest *)msg;
	struct volume_call *c = call_new(call, req->volume_guest_path);
	struct work_params p = { .name = "GetVolumeStats",
				 .fn = do_stats,
				 .data = c,
				 .max_output = sizeof(struct volume_stats),
				 .timeout_usec = STATS_USEC };

	if (c)
		start(data, c, &p, on_stats);
}

/* ---- UpdateEphemeralMounts ------------------------------------------------------------------------------------------ */

void svc_update_ephemeral(struct ttrpc_call *call, const ProtobufCMessage *msg, void *data)
{
	const Grpc__UpdateEphemeralMountsRequest *req =
		(const Grpc__UpdateEphemeralMountsRequest *)msg;
	_cleanup_free_ struct storage_req *reqs = NULL;
	struct agent *a = data;
	struct error err = ERROR_INIT;
	int r = 0;

	if (req->n_storages > STORAGE_MAX)
		r = error_set(&err, -EINVAL, "more than %d storages", STORAGE_MAX);
	else if (!(reqs = svc_storages(req->storages, req->n_storages)))
		r = error_oom(&err);
	for (size_t i = 0; r == 0 && i < req->n_storages; i++)
		r = storage_update(&a->storages, &reqs[i], &err);
	agent_reply_empty(call, r, &err);
}
