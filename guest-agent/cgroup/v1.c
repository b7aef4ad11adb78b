/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version 1: a hierarchy for each controller or group of them (Documentation/admin-guide/cgroup-v1). A version 2 hierarchy beside them
 * has the container too, for the controllers that are there, and because it can kill all at once.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/path.h"
#include "cgroup/convert.h"
#include "cgroup/driver.h"

static struct hierarchy *find(const struct cgroup *c, const char *controller)
{
	return hierarchies_find(&c->root->h, controller, strlen(controller));
}

static int v1_open(struct cgroup_root *r, struct error *err)
{
	for (size_t i = 0; i < r->h.n; i++)
		if (!r->h.v[i].v2)
			return 0;
	return error_set(err, -ENOENT, "version 1 of cgroups is not mounted");
}

/* A new cpuset has no processors and no memory, and then takes no process: it gets its parent's. */
static void inherit_cpuset(int parent, int dirfd)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_strbuf_ struct strbuf own = STRBUF_INIT, above = STRBUF_INIT;

		if (file_read(dirfd, files[i], CGROUP_FILE_MAX, &own, NULL) < 0)
			continue;
		strbuf_trim_end(&own);
		if (own.len || file_read(parent, files[i], CGROUP_FILE_MAX, &above, NULL) < 0)
			continue;
		strbuf_trim_end(&above);
		file_write_existing(dirfd, files[i], above.buf, NULL);
	}
}

/* Version 2's part of a mixture: as cgroup/v2.c does it. */
static void enable_controllers(int dirfd)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
	char *save = NULL;

	if (file_read(dirfd, "cgroup.controllers", 4096, &list, NULL) < 0 || !list.len)
		return;
	for (char *w = strtok_r(list.buf, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		char text[64];

		snprintf(text, sizeof(text), "+%s", w);
		file_write_existing(dirfd, "cgroup.subtree_control", text, NULL);
	}
}

static bool in_v2(const struct cgroup *c, const char *name, size_t len)
{
	const struct hierarchy *h = hierarchies_find(&c->root->h, name, len);

	return h && h->v2;
}

/* Drops the settings of one version whose controllers the other has; not the last n, which are nobody else's. */
static void keep_version(const struct cgroup *c, struct cgroup_settings *s, bool v2, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (in_v2(c, s->v[i].file, strcspn(s->v[i].file, ".")) == v2 || i + n >= s->n) {
			s->v[kept++] = s->v[i];
			continue;
		}
		free(s->v[i].file);
		free(s->v[i].value);
	}
	s->n = kept;
}

/* Raising both of memory's limits: the sum has to grow first. */
static int apply_v1(struct cgroup *c, const struct oci_resources *res,
		    const struct cgroup_settings *set, struct error *err)
{
	struct hierarchy *h = find(c, "memory");
	int r = cgroup_apply(c, set, err);
	char sum[24];

	if (r != -EINVAL || !h || !res->memory.has_limit || !res->memory.has_swap)
		return r;
	snprintf(sum, sizeof(sum), "%" PRId64, res->memory.swap);
	if (cgroup_write(c, h, "memory.memsw.limit_in_bytes", sum, NULL) < 0)
		return r;
	return cgroup_apply(c, set, err);
}

/* The settings of both versions; each writes what its hierarchies have. */
static int v1_update(struct cgroup *c, const struct oci_resources *res, struct error *err)
{
	struct cgroup_settings one = CGROUP_SETTINGS_INIT, two = CGROUP_SETTINGS_INIT;
	struct hierarchy *v2 = hierarchies_v2(&c->root->h);
	struct oci_resources mixed = *res;
	int r = cgroup_settings_v1(res, v2 != NULL, &one, err);

	/* What only version 2 refuses is no mistake where version 1 has the controller. */
	if (!in_v2(c, "cpu", 3) && !in_v2(c, "cpuset", 6))
		memset(&mixed.cpu, 0, sizeof(mixed.cpu));
	if (!in_v2(c, "memory", 6))
		memset(&mixed.memory, 0, sizeof(mixed.memory));
	if (r == 0 && v2)
		r = cgroup_settings_v2(&mixed, &two, err);
	keep_version(c, &one, false, 0);
	keep_version(c, &two, true, res->n_unified);
	if (r == 0)
		r = apply_v1(c, res, &one, err);
	if (r == 0)
		r = cgroup_apply(c, &two, err);
	cgroup_settings_release(&one);
	cgroup_settings_release(&two);
	return r;
}

static int set_devices(struct cgroup *c, const struct oci_resources *res, struct error *err)
{
	struct cgroup_settings set = CGROUP_SETTINGS_INIT;
	int r = cgroup_settings_devices(res->devices, res->n_devices, &set, err);

	if (r == 0)
		r = cgroup_apply(c, &set, err);
	cgroup_settings_release(&set);
	return r;
}

static int v1_create(struct cgroup *c, const struct oci_resources *res, struct error *err)
{
	for (size_t i = 0; i < c->root->h.n; i++) {
		struct hierarchy *h = &c->root->h.v[i];
		bool cpuset = strv_has(&h->controllers, "cpuset");
		int fd = cgroup_make_dirs(c, h, h->v2 ? enable_controllers : NULL,
					  cpuset && !h->v2 ? inherit_cpuset : NULL, err);

		if (fd < 0)
			return fd;
		if (h->v2)
			c->fd = fd;
		else
			fd_close(fd);
	}
	if (!res)
		return 0;
	if (v1_update(c, res, err) < 0 || (res->n_devices && set_devices(c, res, err) < 0))
		return err ? err->code : -EIO;
	return 0;
}

static int v1_open_existing(struct cgroup *c, struct error *err)
{
	struct hierarchy *v2 = hierarchies_v2(&c->root->h);
	int found = -ENOENT;

	for (size_t i = 0; i < c->root->h.n; i++)
		if (faccessat(c->root->h.v[i].fd, c->rel, F_OK, 0) == 0)
			found = 0;
	if (v2)
		c->fd = openat(v2->fd, c->rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return found < 0 ? error_sys(err, found, "cgroup \"/%s\"", c->rel) : 0;
}

static int v1_add(struct cgroup *c, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < c->root->h.n; i++) {
		struct hierarchy *h = &c->root->h.v[i];

		if (cgroup_write(c, h, "cgroup.procs", text, err) < 0)
			return error_prefix(err, "cannot move process %s into cgroup \"%s/%s\"",
					    text, h->mount, c->rel);
	}
	return 0;
}

/* ---- freezing and killing ------------------------------------------------------------------------------------------ */

static int v1_freeze(struct cgroup *c, bool frozen, struct error *err)
{
	struct hierarchy *h = find(c, "freezer");

	if (h)
		return cgroup_write(c, h, "freezer.state", frozen ? "FROZEN" : "THAWED", err);
	h = hierarchies_v2(&c->root->h);
	if (h)
		return cgroup_write(c, h, "cgroup.freeze", frozen ? "1" : "0", err);
	return error_set(err, -EOPNOTSUPP, "there is no freezer controller");
}

static int v1_frozen(struct cgroup *c)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct hierarchy *h = find(c, "freezer");
	int r;

	if (!h) {
		h = hierarchies_v2(&c->root->h);
		if (!h || cgroup_read(c, h, "cgroup.events", &text) < 0)
			return -EIO;
		return cgroup_keyed(text.buf, "frozen") == 1;
	}
	r = cgroup_read(c, h, "freezer.state", &text);
	if (r < 0)
		return r;
	strbuf_trim_end(&text);
	if (str_eq(text.buf, "FREEZING")) {
		/* A process that was forking has to be asked again. */
		cgroup_write(c, h, "freezer.state", "FROZEN", NULL);
		return -EINPROGRESS;
	}
	return str_eq(text.buf, "FROZEN");
}

static int kill_one(pid_t pid, void *data)
{
	return kill(pid, SIGKILL) < 0 && errno != ESRCH ? -errno : 0;
}

static int v1_kill(struct cgroup *c)
{
	struct hierarchy *freezer = find(c, "freezer"), *pids = find(c, "pids");
	int r = c->fd >= 0 ? file_write_existing(c->fd, "cgroup.kill", "1", NULL) : -ENOENT;

	if (!pids)
		pids = freezer ? freezer : &c->root->h.v[0];
	if (r < 0)
		r = cgroup_each_proc(c, pids, kill_one, NULL);
	/* Frozen processes of version 1 take no signal, not even that. */
	if (freezer)
		cgroup_write(c, freezer, "freezer.state", "THAWED", NULL);
	return r;
}

static int v1_remove(struct cgroup *c)
{
	int r = 0;

	for (size_t i = 0; i < c->root->h.n; i++)
		if (cgroup_remove_dirs(c, &c->root->h.v[i]) < 0)
			r = -EBUSY;
	return r;
}

/* ---- out of memory ------------------------------------------------------------------------------------------------- */

/* The count of kills is in kernels since 4.13. */
static void v1_oom_poll(struct cgroup *c)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct hierarchy *h = find(c, "memory");

	if (h && cgroup_read(c, h, "memory.oom_control", &text) == 0)
		cgroup_oom_count(c, cgroup_keyed(text.buf, "oom_kill"));
}

static void on_eventfd(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct cgroup *c = data;
	uint64_t n;

	/* The removal of the cgroup wakes, too. */
	if (read(fd, &n, sizeof(n)) == sizeof(n))
		v1_oom_poll(c);
}

static int v1_oom_watch(struct cgroup *c, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct hierarchy *h = find(c, "memory");
	_cleanup_free_ char *path = str_printf("%s/memory.oom_control", c->rel);
	_cleanup_fd_ int control = -1;
	char both[32];
	int r;

	if (!path)
		return error_oom(err);
	if (!h || h->v2 || cgroup_read(c, h, "memory.oom_control", &text) < 0)
		return error_set(err, -ENOENT, "no memory controller");
	control = openat(h->fd, path, O_RDONLY | O_CLOEXEC);
	c->wd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control < 0 || c->wd < 0)
		return error_sys(err, -errno, "cannot watch for OOM events");
	snprintf(both, sizeof(both), "%d %d", c->wd, control);
	r = cgroup_write(c, h, "cgroup.event_control", both, err);
	if (r == 0)
		r = loop_add_io(c->root->loop, c->wd, EPOLLIN, on_eventfd, c, &c->oom_src);
	if (r < 0) {
		c->wd = fd_close(c->wd);
		return error_wrap(err, r, "cannot watch for OOM events");
	}
	c->oom_seen = cgroup_keyed(text.buf, "oom_kill");
	return 0;
}

static void v1_free(struct cgroup *c)
{
	c->oom_src = loop_source_free(c->oom_src);
	c->wd = fd_close(c->wd);
}

const struct cgroup_ops cgroup_v1 = {
	.name = "cgroupv1",
	.open = v1_open,
	.create = v1_create,
	.open_existing = v1_open_existing,
	.add = v1_add,
	.update = v1_update,
	.freeze = v1_freeze,
	.frozen = v1_frozen,
	.kill = v1_kill,
	.stats = cgroup_v1_stats,
	.oom_watch = v1_oom_watch,
	.oom_poll = v1_oom_poll,
	.remove = v1_remove,
	.free = v1_free,
};
