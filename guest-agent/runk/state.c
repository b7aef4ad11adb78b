/* SPDX-License-Identifier: Apache-2.0 */
#include "runk/state.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/path.h"
#include "base/process.h"
#include "base/strbuf.h"
#include "runk/cgroups.h"
#include "runk/runk.h"

#define MAX_ANNOTATIONS 65536

void state_release(struct state *s)
{
	arena_release(&s->arena);
	s->dirfd = fd_close(s->dirfd);
}

int state_make_dir(const char *root, const char *id, struct state *s, struct error *err)
{
	_cleanup_fd_ int rootfd = -1;

	if (file_mkdir_p(AT_FDCWD, root, 0700, err) < 0)
		return err->code;
	rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return error_sys(err, -errno, "%s", root);
	if (mkdirat(rootfd, id, 0700) < 0) {
		if (errno == EEXIST)
			return error_set(err, -EEXIST, "container with id exists already: \"%s\"",
					 id);
		return error_sys(err, -errno, "%s/%s", root, id);
	}
	s->dirfd = openat(rootfd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return s->dirfd < 0 ? error_sys(err, -errno, "%s/%s", root, id) : 0;
}

static void out_annotations(const struct state *s, struct json_out *o)
{
	if (!s->n_annotations)
		return;
	json_out_object(o, "annotations");
	for (size_t i = 0; i < s->n_annotations; i++)
		json_out_string(o, s->annotations[i].key, s->annotations[i].value);
	json_out_end(o);
}

int state_save(const struct state *s, struct error *err)
{
	_cleanup_strbuf_ struct strbuf sb = STRBUF_INIT;
	_cleanup_file_out_ struct file_out out = FILE_OUT_INIT;
	struct json_out o;
	int r;

	json_out_init(&o, &sb, NULL);
	json_out_object(&o, NULL);
	json_out_string(&o, "id", s->id);
	json_out_i64(&o, "pid", s->pid);
	json_out_u64(&o, "startTime", s->start_time);
	json_out_string(&o, "bundle", s->bundle);
	json_out_string(&o, "rootfs", s->rootfs);
	json_out_string(&o, "created", s->created);
	json_out_string(&o, "cgroup", s->cgroup);
	json_out_u64(&o, "owner", s->owner);
	json_out_bool(&o, "hooks", s->hooks);
	json_out_bool(&o, "ownPidNamespace", s->own_pidns);
	out_annotations(s, &o);
	json_out_end(&o);
	if (json_out_finish(&o) < 0)
		return error_oom(err);
	/* The root is a tmpfs, and a container does not outlive the kernel: no need to wait for a disk. */
	r = file_out_open(&out, s->dirfd, STATE_FILE, 0600, err);
	if (r == 0) {
		r = fd_write_full(out.fd, sb.buf, sb.len);
		if (r < 0)
			error_sys(err, r, "%s", STATE_FILE);
	}
	return r < 0 ? r : file_out_publish(&out, NULL, err);
}

static int need_copy(struct state *s, const struct json_value *v, const char *key, char **ret,
		     struct error *err)
{
	const char *text = NULL;
	int r = json_get_string(v, key, &text, err);

	if (r < 0)
		return r;
	*ret = text ? arena_strdup(&s->arena, text) : NULL;
	return text && !*ret ? error_oom(err) : 0;
}

static int read_annotations(struct state *s, const struct json_value *top, struct error *err)
{
	const struct json_value *obj = NULL, *v;
	int r = json_get_object(top, "annotations", &obj, err);

	if (r <= 0)
		return r;
	if (json_count(obj) > MAX_ANNOTATIONS)
		return json_fail(obj, err, "more than %d", MAX_ANNOTATIONS);
	s->annotations = arena_new_array(&s->arena, struct oci_kv, json_count(obj));
	if (!s->annotations)
		return error_oom(err);
	json_for_each(v, obj)
	{
		struct oci_kv *kv = &s->annotations[s->n_annotations++];

		kv->key = arena_strdup(&s->arena, v->key);
		r = need_copy(s, obj, v->key, &kv->value, err);
		if (r < 0 || !kv->key)
			return r < 0 ? r : error_oom(err);
	}
	return 0;
}

static int read_state(struct state *s, const struct json_value *top, struct error *err)
{
	int32_t pid = 0;
	int r;

	if ((r = need_copy(s, top, "id", &s->id, err)) < 0 ||
	    (r = need_copy(s, top, "bundle", &s->bundle, err)) < 0 ||
	    (r = need_copy(s, top, "rootfs", &s->rootfs, err)) < 0 ||
	    (r = need_copy(s, top, "created", &s->created, err)) < 0 ||
	    (r = need_copy(s, top, "cgroup", &s->cgroup, err)) < 0 ||
	    (r = json_need_i32(top, "pid", &pid, err)) < 0 ||
	    (r = json_need_u64(top, "startTime", &s->start_time, err)) < 0 ||
	    (r = json_need_u32(top, "owner", &s->owner, err)) < 0 ||
	    (r = json_need_bool(top, "hooks", &s->hooks, err)) < 0 ||
	    (r = json_need_bool(top, "ownPidNamespace", &s->own_pidns, err)) < 0)
		return r;
	s->pid = pid;
	return read_annotations(s, top, err);
}

int state_load(const char *root, const char *id, struct state *ret, struct error *err)
{
	_cleanup_json_doc_ struct json_doc *doc = NULL;
	_cleanup_free_ char *path = NULL;
	struct state s = STATE_INIT;
	int r;

	if (!path_valid_id(id))
		return error_set(err, -EINVAL, "invalid container id: \"%s\"", id);
	path = path_join(root, id);
	if (!path)
		return error_oom(err);
	s.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s.dirfd < 0)
		return errno == ENOENT
			       ? error_set(err, -ENOENT, "container \"%s\" does not exist", id)
			       : error_sys(err, -errno, "container \"%s\"", id);
	r = json_doc_load(s.dirfd, STATE_FILE, STATE_MAX_BYTES, &doc, err);
	/* A directory without it: its creation was killed before there was a process, or just begins. */
	if (r == -ENOENT) {
		error_clear(err);
		s.id = arena_strdup(&s.arena, id);
		r = s.id ? 0 : error_oom(err);
	} else if (r == 0) {
		r = read_state(&s, json_doc_root(doc), err);
	}
	if (r < 0) {
		state_release(&s);
		return error_prefix(err, "container \"%s\"", id);
	}
	*ret = s;
	return 0;
}

int state_load_spec(const struct state *s, struct oci_spec **ret, struct error *err)
{
	return oci_spec_load(s->dirfd, "container's state", ret, err);
}

int state_remove(const char *root, const char *id, struct error *err)
{
	_cleanup_fd_ int rootfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (rootfd < 0)
		return error_sys(err, -errno, "%s", root);
	return file_remove_tree(rootfd, id, err);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int state_ids(const char *root, struct strv *ret, struct error *err)
{
	DIR *d = opendir(root);
	struct dirent *e;

	if (!d)
		return errno == ENOENT ? 0 : error_sys(err, -errno, "%s", root);
	while ((e = readdir(d))) {
		if (path_valid_id(e->d_name) && strv_add(ret, e->d_name) < 0) {
			closedir(d);
			return error_oom(err);
		}
	}
	closedir(d);
	if (ret->n)
		qsort(ret->v, ret->n, sizeof(*ret->v), by_name);
	return 0;
}

/* Not there, another's, or dead and not collected yet ("Z" and "X" in field 3 of /proc/PID/stat, proc(5)). */
bool state_alive(const struct state *s)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[32];
	const char *p;

	if (s->pid <= 0 || process_start_time(s->pid) != s->start_time)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)s->pid);
	if (file_read(AT_FDCWD, path, 4096, &text, NULL) < 0)
		return false;
	p = strrchr(text.buf, ')');
	return p && strncmp(p, ") Z", 3) != 0 && strncmp(p, ") X", 3) != 0;
}

enum status state_status(const struct state *s)
{
	if (s->pid <= 0)
		return STATUS_CREATING;
	if (!state_alive(s))
		return STATUS_STOPPED;
	if (faccessat(s->dirfd, STATE_SOCK_MAKING, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return STATUS_CREATING;
	if (faccessat(s->dirfd, STATE_SOCK_CREATED, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return STATUS_CREATED;
	return cgroups_frozen(s->cgroup) ? STATUS_PAUSED : STATUS_RUNNING;
}

const char *status_text(enum status st)
{
	static const char *const names[] = { "creating", "created", "running", "paused",
					     "stopped" };

	return names[st];
}

void state_json(const struct state *s, struct json_out *o, const char *key, bool with_owner)
{
	enum status st = state_status(s);
	char owner[16];

	json_out_object(o, key);
	json_out_string(o, "ociVersion", RUNK_OCI_VERSION);
	json_out_string(o, "id", s->id);
	json_out_i64(o, "pid", st == STATUS_STOPPED ? 0 : s->pid);
	json_out_string(o, "status", status_text(st));
	json_out_string(o, "bundle", s->bundle ? s->bundle : "");
	json_out_string(o, "rootfs", s->rootfs ? s->rootfs : "");
	json_out_string(o, "created", s->created ? s->created : "");
	out_annotations(s, o);
	if (with_owner) {
		snprintf(owner, sizeof(owner), "#%u", s->owner);
		json_out_string(o, "owner", s->owner ? owner : "root");
	}
	json_out_end(o);
}
