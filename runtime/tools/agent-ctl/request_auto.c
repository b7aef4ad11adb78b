/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/agent-ctl/request_auto.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "oci/spec_pb.h"
#include "wire/agent.pb-c.h"

/* ---- the spec ---- */

static int load_file(const char *file, struct oci_spec **ret, char **ret_dir, struct error *err)
{
	const char *path = str_after(file, "file://") ? str_after(file, "file://") : file;
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r = file_read(AT_FDCWD, path, OCI_SPEC_MAX_BYTES, &text, err);

	if (r == 0)
		r = oci_spec_parse(text.buf, text.len, ret, err);
	if (r < 0)
		return error_prefix(err, "spec %s", path);
	*ret_dir = path_absolute(path);
	if (!*ret_dir)
		return error_oom(err);
	(*ret_dir)[path_base(*ret_dir) - *ret_dir] = '\0';
	return 0;
}

static int load_bundle(const char *bundle, struct oci_spec **ret, char **ret_dir, struct error *err)
{
	_cleanup_fd_ int fd = open(bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return error_sys(err, -errno, "bundle %s", bundle);
	r = oci_spec_load(fd, bundle, ret, err);
	if (r < 0)
		return r;
	*ret_dir = path_absolute(bundle);
	return *ret_dir ? 0 : error_oom(err);
}

int ctl_auto_spec(const struct ctl_values *v, const char *file, struct ctl_request *q,
		  struct error *err)
{
	bool create = q->method->input == &grpc__create_container_request__descriptor;
	bool exec = q->method->input == &grpc__exec_process_request__descriptor;
	_cleanup_free_ char *dir = NULL;
	Grpc__Spec *spec;
	int r;

	if ((!create && !exec) || (!file && !v->bundle_dir))
		return 0;
	r = file ? load_file(file, &q->spec, &dir, err)
		 : load_bundle(v->bundle_dir, &q->spec, &dir, err);
	if (r < 0)
		return r;
	if (exec && !q->spec->process)
		return error_set(err, -EINVAL, "the config.json has no process");
	spec = oci_spec_to_pb(&q->b.arena, q->spec);
	if (!spec)
		return error_oom(err);
	if (exec) {
		((Grpc__ExecProcessRequest *)q->msg)->process = spec->process;
		return 0;
	}
	/* The agent knows nothing of the directory of the bundle. */
	if (spec->root && *spec->root->path && *spec->root->path != '/') {
		_cleanup_free_ char *abs = path_join(dir, spec->root->path);
		_cleanup_free_ char *clean = abs ? path_clean(abs) : NULL;

		spec->root->path = clean ? arena_strdup(&q->b.arena, clean) : NULL;
		if (!spec->root->path)
			return error_oom(err);
	}
	((Grpc__CreateContainerRequest *)q->msg)->oci = spec;
	return 0;
}

/* ---- ids ---- */

void ctl_values_release(struct ctl_values *v)
{
	free(v->sandbox_id);
	free(v->container_id);
	free(v->exec_id);
	v->sandbox_id = v->container_id = v->exec_id = NULL;
}

static int keep(char **slot, const char *id, struct error *err)
{
	char *copy = strdup(id);

	if (!copy)
		return error_oom(err);
	free(*slot);
	*slot = copy;
	return 0;
}

int ctl_values_remember(struct ctl_values *v, const struct ctl_request *q, struct error *err)
{
	const char *sid = ctl_field_text(q->msg, "sandbox_id");
	const char *cid = ctl_field_text(q->msg, "container_id");
	const char *exec_id = ctl_field_text(q->msg, "exec_id");
	int r = 0;

	if (sid && *sid)
		r = keep(&v->sandbox_id, sid, err);
	if (r == 0 && cid && *cid && !str_eq(cid, v->container_id)) {
		r = keep(&v->container_id, cid, err);
		free(v->exec_id); /* of another container */
		v->exec_id = NULL;
	}
	if (r == 0 && exec_id && *exec_id)
		r = keep(&v->exec_id, exec_id, err);
	return r;
}

static bool is_given(const struct ctl_request *q, const char *path)
{
	return strv_has(&q->given, path);
}

static int set(struct ctl_request *q, const char *path, const char *text, struct error *err)
{
	return message_set_text(&q->b, q->msg, path, text, strlen(text), false, err);
}

/* An id that is empty: the one of before, else a new one where something is made. */
static int fill_id(struct ctl_request *q, const char *path, const char *before, bool makes,
		   struct error *err)
{
	const char *now = ctl_field_text(q->msg, path);
	char made[CTL_ID_LEN + 1];
	int r;

	if (!now || *now || is_given(q, path))
		return 0;
	if (before)
		return set(q, path, before, err);
	if (!makes)
		return 0;
	r = ctl_random_id(made, err);
	return r < 0 ? r : set(q, path, made, err);
}

static int fill_exec_id(const struct ctl_values *v, struct ctl_request *q, struct error *err)
{
	const char *cid = ctl_field_text(q->msg, "container_id");

	if (q->method->input == &grpc__create_container_request__descriptor)
		return fill_id(q, "exec_id", cid, false, err);
	if (q->method->input == &grpc__exec_process_request__descriptor)
		return fill_id(q, "exec_id", NULL, true, err);
	return fill_id(q, "exec_id", str_eq(cid, v->container_id) ? v->exec_id : NULL, false, err);
}

/* ---- defaults ---- */

static const struct {
	const char *method, *path, *text;
	bool bare; /* only when nothing was given */
} defaults[] = {
	{ "SignalProcess", "signal", "9", false },
	{ "GetGuestDetails", "mem_block_size", "true", true },
	{ "GetGuestDetails", "mem_hotplug_probe", "true", true },
	{ "ReadStdout", "len", "32768", false },
	{ "ReadStderr", "len", "32768", false },
	{ "CopyFile", "file_mode", "0100644", false },
	{ "CopyFile", "dir_mode", "0755", false },
};

/* All of them are numbers or flags of 32 bits. */
static bool is_zero(const ProtobufCMessage *msg, const char *path)
{
	const ProtobufCFieldDescriptor *fd = message_find_path(msg->descriptor, path);
	uint32_t value = 0;

	if (fd)
		memcpy(&value, (const char *)msg + fd->offset, sizeof(value));
	return value == 0;
}

static int fill_defaults(struct ctl_request *q, struct error *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(defaults) && r == 0; i++) {
		if (strcmp(defaults[i].method, q->method->name) == 0 &&
		    !(defaults[i].bare && q->any) && !is_given(q, defaults[i].path) &&
		    is_zero(q->msg, defaults[i].path))
			r = set(q, defaults[i].path, defaults[i].text, err);
	}
	return r;
}

static void fill_time(struct ctl_request *q)
{
	Grpc__SetGuestDateTimeRequest *t = (Grpc__SetGuestDateTimeRequest *)q->msg;
	struct timespec now;

	if (q->any || clock_gettime(CLOCK_REALTIME, &now) < 0)
		return;
	t->sec = now.tv_sec;
	t->usec = now.tv_nsec / 1000;
}

static void fill_size(struct ctl_request *q)
{
	Grpc__CopyFileRequest *c = (Grpc__CopyFileRequest *)q->msg;

	if (c->file_size == 0 && !is_given(q, "file_size") && S_ISREG(c->file_mode) &&
	    c->offset >= 0 && c->offset <= INT64_MAX - (int64_t)c->data.len)
		c->file_size = c->offset + (int64_t)c->data.len;
}

int ctl_auto_values(const struct ctl_values *v, struct ctl_request *q, struct error *err)
{
	const ProtobufCMessageDescriptor *in = q->method->input;
	int r = fill_id(q, "sandbox_id", v->sandbox_id,
			in == &grpc__create_sandbox_request__descriptor, err);

	if (r == 0)
		r = fill_id(q, "container_id",
			    in == &grpc__create_container_request__descriptor ? NULL
									      : v->container_id,
			    in == &grpc__create_container_request__descriptor, err);
	if (r == 0)
		r = fill_exec_id(v, q, err);
	if (r == 0)
		r = fill_defaults(q, err);
	if (r == 0 && in == &grpc__set_guest_date_time_request__descriptor)
		fill_time(q);
	if (r == 0 && in == &grpc__copy_file_request__descriptor)
		fill_size(q);
	return r;
}
