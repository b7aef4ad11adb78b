/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup/cgroup.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/time.h"
#include "cgroup/convert.h"
#include "cgroup/driver.h"

/* ---- the root ------------------------------------------------------------------------------------------------------ */

/* Version 2 alone where the place that everybody looks at is its; what is beside it elsewhere makes a mixture, led by version 1. */
static const struct cgroup_ops *choose(struct hierarchies *hs)
{
	struct hierarchy *v2 = hierarchies_v2(hs);
	bool v1 = false;

	for (size_t i = 0; i < hs->n; i++)
		v1 |= !hs->v[i].v2 && hs->v[i].controllers.n &&
		      !str_after(hs->v[i].controllers.v[0], "name=");
	return v2 && (!v1 || str_eq(v2->mount, "/sys/fs/cgroup")) ? &cgroup_v2 : &cgroup_v1;
}

int cgroup_root_open(const struct cgroup_options *o, struct cgroup_root **ret, struct error *err)
{
	struct cgroup_root *r = new0(struct cgroup_root);
	int e;

	if (!r)
		return error_oom(err);
	r->inotify = -1;
	r->loop = o->loop;
	r->lenient = o->lenient;
	r->rootless = o->rootless;
	list_init(&r->removals);
	list_init(&r->watched);
	e = hierarchies_open(&r->h, err);
	if (e == 0 && !r->h.n)
		e = error_set(err, -ENOENT, "no cgroup hierarchy is mounted");
	if (e == 0) {
		r->ops = o->ops ? o->ops : choose(&r->h);
		e = r->ops->open(r, err);
	}
	if (e == 0 && o->nested)
		r->base = strdup(r->h.v[0].own);
	else if (e == 0)
		r->base = strdup("");
	if (e == 0 && !r->base)
		e = error_oom(err);
	if (e < 0) {
		cgroup_root_free(r);
		return e;
	}
	*ret = r;
	return 0;
}

static void removal_end(struct cgroup *c)
{
	list_del(&c->removal_link);
	c->root->n_removals--;
	cgroup_close(c);
}

struct cgroup_root *cgroup_root_free(struct cgroup_root *r)
{
	if (!r)
		return NULL;
	while (!list_empty(&r->removals)) {
		struct cgroup *c = list_entry(r->removals.next, struct cgroup, removal_link);

		c->root->ops->remove(c);
		removal_end(c);
	}
	loop_source_free(r->timer);
	loop_source_free(r->inotify_src);
	fd_close(r->inotify);
	hierarchies_release(&r->h);
	free(r->base);
	free(r);
	return NULL;
}

const char *cgroup_root_driver(const struct cgroup_root *r)
{
	return r->ops->name;
}

size_t cgroup_removals(const struct cgroup_root *r)
{
	return r->n_removals;
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

static int new_cgroup(struct cgroup_root *root, const char *path, const char *id,
		      struct cgroup **ret, struct error *err)
{
	struct cgroup *c = new0(struct cgroup);
	struct hierarchy *v2 = hierarchies_v2(&root->h);
	_cleanup_free_ char *clean = NULL;
	bool own = false;

	if (!c)
		return error_oom(err);
	c->root = root;
	c->fd = c->wd = -1;
	list_init(&c->watch_link);
	list_init(&c->removal_link);
	clean = cgroup_clean_path(path, id, &own);
	if (clean)
		c->rel = own && *root->base ? path_join(root->base, clean) : strdup(clean);
	if (c->rel)
		c->path = path_join((v2 ? v2 : &root->h.v[0])->mount, c->rel);
	if (!c->path) {
		cgroup_close(c);
		return error_oom(err);
	}
	*ret = c;
	return 0;
}

static bool has_limits(const struct oci_resources *r)
{
	struct oci_resources none;

	if (!r)
		return false;
	/* Rules for devices are what every spec has; a container without privilege cannot make nodes anyway. */
	none = *r;
	none.devices = NULL;
	none.n_devices = 0;
	for (size_t i = 0; i < sizeof(none); i++)
		if (((const char *)&none)[i])
			return true;
	return false;
}

/* As runc: no permission is no failure where nobody asked for anything. */
static int without_permission(const char *path, const struct oci_resources *resources, int code,
			      struct error *err)
{
	if (path && *path)
		return code;
	if (has_limits(resources))
		return error_wrap(err, code, "rootless: limits need a cgroup that may be made");
	error_clear(err);
	return 0;
}

/* One that is being removed under the same name: what is left of it becomes the new one's. */
static void take_over(struct cgroup_root *root, const char *rel)
{
	struct list *pos, *tmp;

	list_for_each_safe(pos, tmp, &root->removals) {
		struct cgroup *c = list_entry(pos, struct cgroup, removal_link);

		if (str_eq(c->rel, rel))
			removal_end(c);
	}
}

int cgroup_create(struct cgroup_root *root, const char *path, const char *id,
		  const struct oci_resources *resources, struct cgroup **ret, struct error *err)
{
	struct error own = ERROR_INIT;
	struct cgroup *c = NULL;
	int r = new_cgroup(root, path, id, &c, err);

	*ret = NULL;
	if (r < 0)
		return r;
	take_over(root, c->rel);
	c->resources = resources;
	r = root->ops->create(c, resources, &own);
	if (r == 0) {
		*ret = c;
		return 0;
	}
	root->ops->remove(c);
	cgroup_close(c);
	if (root->rootless && (r == -EACCES || r == -EPERM || r == -EROFS))
		r = without_permission(path, resources, r, &own);
	if (r < 0 && err)
		*err = own;
	return r;
}

int cgroup_open(struct cgroup_root *root, const char *name, struct cgroup **ret, struct error *err)
{
	struct cgroup *c = NULL;
	int r = new_cgroup(root, name, name, &c, err);

	if (r == 0)
		r = root->ops->open_existing(c, err);
	if (r < 0) {
		cgroup_close(c);
		return r;
	}
	*ret = c;
	return 0;
}

struct cgroup *cgroup_close(struct cgroup *c)
{
	if (!c)
		return NULL;
	if (c->root->ops->free)
		c->root->ops->free(c);
	list_del(&c->watch_link);
	loop_source_free(c->oom_src);
	fd_close(c->fd);
	free(c->rel);
	free(c->path);
	free(c);
	return NULL;
}

/* ---- using --------------------------------------------------------------------------------------------------------- */

const char *cgroup_name(const struct cgroup *c)
{
	/* With the slash that makes it absolute: right after the mount point in path, and rel is what comes behind. */
	return c->path + strlen(c->path) - strlen(c->rel) - 1;
}

int cgroup_fd(const struct cgroup *c)
{
	return c->fd;
}

bool cgroup_born(const struct cgroup *c)
{
	return c->fd >= 0 && c->root->ops == &cgroup_v2;
}

const char *cgroup_path(const struct cgroup *c)
{
	return c->path;
}

int cgroup_add(struct cgroup *c, pid_t pid, struct error *err)
{
	return c->root->ops->add(c, pid, err);
}

int cgroup_update(struct cgroup *c, const struct oci_resources *resources, struct error *err)
{
	return c->root->ops->update(c, resources, err);
}

int cgroup_freeze(struct cgroup *c, bool frozen, struct error *err)
{
	return c->root->ops->freeze(c, frozen, err);
}

int cgroup_frozen(struct cgroup *c)
{
	return c->root->ops->frozen(c);
}

int cgroup_kill(struct cgroup *c)
{
	return c->root->ops->kill(c);
}

int cgroup_oom_watch(struct cgroup *c, cgroup_oom_fn fn, void *data, struct error *err)
{
	int r;

	if (!c->root->loop || !c->root->ops->oom_watch)
		return error_set(err, -EOPNOTSUPP, "no OOM events from here");
	r = c->root->ops->oom_watch(c, err);
	if (r == 0) {
		c->oom_fn = fn;
		c->oom_data = data;
	}
	return r;
}

void cgroup_oom_count(struct cgroup *c, uint64_t count)
{
	while (c->oom_fn && c->oom_seen < count) {
		c->oom_seen++;
		c->oom_fn(c->oom_data);
	}
}

int cgroup_stats(struct cgroup *c, struct cgroup_stats *ret, struct error *err)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = c->root->ops->stats(c, ret, err);
	if (r < 0)
		cgroup_stats_release(ret);
	return r;
}

void cgroup_stats_release(struct cgroup_stats *s)
{
	for (size_t i = 0; i < CGROUP_IO_KINDS; i++)
		free(s->io[i].v);
	arena_release(&s->arena);
	memset(s, 0, sizeof(*s));
}

struct pid_list {
	pid_t *v;
	size_t n, cap;
};

static int add_pid(pid_t pid, void *data)
{
	struct pid_list *l = data;

	if (array_reserve(&l->v, &l->cap, l->n + 1, sizeof(*l->v)) < 0)
		return -ENOMEM;
	l->v[l->n++] = pid;
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

int cgroup_procs(struct cgroup *c, pid_t **ret, size_t *ret_n, struct error *err)
{
	struct hierarchy *h = hierarchies_find(&c->root->h, "pids", strlen("pids"));
	struct pid_list l = { NULL, 0, 0 };
	int r;

	if (!h || (c->root->ops == &cgroup_v2))
		h = &c->root->h.v[0];
	r = cgroup_each_proc(c, h, add_pid, &l);
	if (r < 0) {
		free(l.v);
		return error_sys(err, r, "cannot read the processes of cgroup \"/%s\"", c->rel);
	}
	if (l.n)
		qsort(l.v, l.n, sizeof(*l.v), compare_pids);
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}

/* ---- removing ------------------------------------------------------------------------------------------------------ */

#define PAUSE_FIRST_USEC 1000u
#define PAUSE_MOST_USEC	 100000u

static void on_removal_timer(struct loop_source *s, void *data)
{
	struct cgroup_root *root = data;
	uint64_t now = time_mono_usec(), next = UINT64_MAX;
	struct list *pos, *tmp;

	list_for_each_safe(pos, tmp, &root->removals) {
		struct cgroup *c = list_entry(pos, struct cgroup, removal_link);

		if (c->next_try <= now) {
			/* Once more: without cgroup.kill a process may have got away by forking. */
			root->ops->kill(c);
			if (root->ops->remove(c) != -EBUSY || now > c->deadline) {
				removal_end(c);
				continue;
			}
			c->pause = MIN(c->pause * 2, (uint64_t)PAUSE_MOST_USEC);
			c->next_try = now + c->pause;
		}
		next = MIN(next, c->next_try);
	}
	if (next != UINT64_MAX)
		loop_timer_set(s, next - now);
}

void cgroup_remove(struct cgroup *c)
{
	struct cgroup_root *root;

	if (!c)
		return;
	root = c->root;
	/* Whose last process the kernel killed may be removed before its event was read. */
	if (c->oom_fn && root->ops->oom_poll)
		root->ops->oom_poll(c);
	root->ops->kill(c);
	if (root->ops->remove(c) != -EBUSY || !root->loop ||
	    (!root->timer &&
	     loop_add_timer(root->loop, on_removal_timer, root, &root->timer) < 0)) {
		cgroup_close(c);
		return;
	}
	c->pause = PAUSE_FIRST_USEC;
	c->next_try = time_mono_usec() + c->pause;
	c->deadline = c->next_try + CGROUP_REMOVE_USEC;
	list_add_tail(&root->removals, &c->removal_link);
	root->n_removals++;
	loop_timer_set(root->timer, PAUSE_FIRST_USEC);
}

int cgroup_remove_wait(struct cgroup *c, uint64_t timeout_usec, struct error *err)
{
	uint64_t end = time_mono_usec() + timeout_usec;
	int r;

	for (useconds_t pause = PAUSE_FIRST_USEC;; pause = MIN(pause * 2, PAUSE_MOST_USEC)) {
		c->root->ops->kill(c);
		r = c->root->ops->remove(c);
		if (r != -EBUSY || time_mono_usec() > end)
			break;
		usleep(pause);
	}
	if (r < 0)
		error_sys(err, r, "cannot remove cgroup \"/%s\"", c->rel);
	cgroup_close(c);
	return r;
}
