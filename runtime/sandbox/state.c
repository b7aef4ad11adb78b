/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/state.h"

#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/strbuf.h"
#include "codec/json.h"

void state_init(struct state *s)
{
	memset(s, 0, sizeof(*s));
	s->exit_status = -1;
}

void state_release(struct state *s)
{
	free(s->id);
	free(s->bundle);
	free(s->rootfs);
	free(s->status);
	free(s->created);
	free(s->annotations);
	free(s->reason);
	free(s->accel);
	free(s->warning);
	free(s->rootfs_mode);
	state_init(s);
}

static void out_process(struct json_out *o, const char *key, const struct state_process *p)
{
	if (!p->pid)
		return;
	json_out_object(o, key);
	json_out_i64(o, "pid", p->pid);
	json_out_u64(o, "startTime", p->start);
	json_out_end(o);
}

static void out_optional(struct json_out *o, const char *key, const char *value)
{
	if (value)
		json_out_string(o, key, value);
}

int state_write(int dirfd, const struct state *s, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	struct json_out o;
	int r;

	json_out_init(&o, &sb, "  ");
	json_out_object(&o, NULL);
	json_out_i64(&o, "version", STATE_VERSION);
	json_out_string(&o, "id", s->id);
	json_out_string(&o, "bundle", s->bundle);
	out_optional(&o, "rootfs", s->rootfs);
	json_out_string(&o, "status", s->status);
	json_out_string(&o, "created", s->created);
	json_out_u64(&o, "owner", s->owner);
	out_optional(&o, "annotations", s->annotations);
	out_process(&o, "engine", &s->engine);
	out_process(&o, "hypervisor", &s->hypervisor);
	out_process(&o, "virtiofsd", &s->virtiofsd);
	if (s->exit_status >= 0)
		json_out_i64(&o, "exitStatus", s->exit_status);
	out_optional(&o, "reason", s->reason);
	out_optional(&o, "accelerator", s->accel);
	out_optional(&o, "warning", s->warning);
	out_optional(&o, "rootfsMode", s->rootfs_mode);
	json_out_object(&o, "times");
#define X(name)            \
	if (s->times.name) \
		json_out_u64(&o, #name, s->times.name);
	TIMES_LIST(X)
#undef X
	json_out_end(&o);
	json_out_end(&o);
	r = json_out_finish(&o);
	if (r < 0)
		return error_wrap(err, r, "%s", STATE_FILE);
	return file_write_atomic(dirfd, STATE_FILE, 0600, sb.buf, sb.len, err);
}

static int get_text(const struct json_value *root, const char *key, char **dst, struct error *err)
{
	const char *s = NULL;
	int r = json_get_string(root, key, &s, err);

	if (r <= 0)
		return r;
	*dst = strdup(s);
	return *dst ? 0 : error_oom(err);
}

static int get_process(const struct json_value *root, const char *key, struct state_process *p,
		       struct error *err)
{
	const struct json_value *v = NULL;
	int64_t pid = 0;
	int r = json_get_object(root, key, &v, err);

	if (r <= 0)
		return r;
	if ((r = json_need_i64(v, "pid", &pid, err)) < 0 ||
	    (r = json_need_u64(v, "startTime", &p->start, err)) < 0)
		return r;
	if (pid <= 1 || pid > INT32_MAX)
		return json_fail(json_find(v, "pid"), err, "%lld is no process of ours",
				 (long long)pid);
	p->pid = (pid_t)pid;
	return 0;
}

static int get_times(const struct json_value *root, struct times *t, struct error *err)
{
	const struct json_value *v = NULL;
	int r = json_get_object(root, "times", &v, err);

	if (r <= 0)
		return r;
#define X(name)                                    \
	r = json_get_u64(v, #name, &t->name, err); \
	if (r < 0)                                 \
		return r;
	TIMES_LIST(X)
#undef X
	return 0;
}

static int read_fields(const struct json_value *root, struct state *s, struct error *err)
{
	int64_t version = 0;
	int r = json_need_i64(root, "version", &version, err);

	if (r < 0)
		return r;
	if (version != STATE_VERSION)
		return json_fail(json_find(root, "version"), err, "expected %d, got %lld",
				 STATE_VERSION, (long long)version);
	if ((r = get_text(root, "id", &s->id, err)) < 0 ||
	    (r = get_text(root, "bundle", &s->bundle, err)) < 0 ||
	    (r = get_text(root, "rootfs", &s->rootfs, err)) < 0 ||
	    (r = get_text(root, "status", &s->status, err)) < 0 ||
	    (r = get_text(root, "created", &s->created, err)) < 0 ||
	    (r = get_text(root, "annotations", &s->annotations, err)) < 0 ||
	    (r = get_text(root, "reason", &s->reason, err)) < 0 ||
	    (r = get_text(root, "accelerator", &s->accel, err)) < 0 ||
	    (r = get_text(root, "warning", &s->warning, err)) < 0 ||
	    (r = get_text(root, "rootfsMode", &s->rootfs_mode, err)) < 0 ||
	    (r = json_get_u32(root, "owner", &s->owner, err)) < 0 ||
	    (r = json_get_i64(root, "exitStatus", &s->exit_status, err)) < 0 ||
	    (r = get_process(root, "engine", &s->engine, err)) < 0 ||
	    (r = get_process(root, "hypervisor", &s->hypervisor, err)) < 0 ||
	    (r = get_process(root, "virtiofsd", &s->virtiofsd, err)) < 0)
		return r;
	if (!s->id || !s->status || !s->bundle)
		return json_fail(root, err, "id, bundle or status is missing");
	return get_times(root, &s->times, err);
}

int state_parse(const char *json, size_t len, struct state *s, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	int r = json_doc_parse(json, len, STATE_MAX_BYTES, &doc, err);

	state_init(s);
	if (r < 0)
		return r;
	r = read_fields(json_doc_root(doc), s, err);
	if (r < 0)
		state_release(s);
	return r;
}

int state_read(int dirfd, struct state *s, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	int r;

	state_init(s);
	r = file_read(dirfd, STATE_FILE, STATE_MAX_BYTES, &sb, err);
	if (r < 0)
		return r;
	r = state_parse(sb.buf, sb.len, s, err);
	return r < 0 ? error_prefix(err, "%s", STATE_FILE) : 0;
}
