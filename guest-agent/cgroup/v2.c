/* SPDX-License-Identifier: Apache-2.0 */
/* Version 2: one hierarchy, Documentation/admin-guide/cgroup-v2.rst. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/file.h"
#include "cgroup/convert.h"
#include "cgroup/devfilter.h"
#include "cgroup/driver.h"

static struct hierarchy *only(const struct cgroup *c)
{
	return &c->root->h.v[0];
}

/* Moves version 2's hierarchy to the front and forgets the others. */
static int v2_open(struct cgroup_root *r, struct error *err)
{
	struct hierarchy *v2 = hierarchies_v2(&r->h), keep;
	size_t at;

	if (!v2)
		return error_set(err, -ENOENT, "version 2 of cgroups is not mounted");
	at = (size_t)(v2 - r->h.v);
	keep = r->h.v[at];
	r->h.v[at] = r->h.v[r->h.n - 1];
	r->h.n--;
	hierarchies_release(&r->h);
	r->h.v[0] = keep;
	r->h.n = 1;
	if (*keep.own) {
		/* Where the caller's own processes are no cgroup can have controllers: containers go beside it. */
		char *slash = strrchr(r->h.v[0].own, '/');

		*(slash ? slash : r->h.v[0].own) = '\0';
	}
	return 0;
}

/* Lets the children of dirfd use every controller that it has. One at a time: one that cannot must not stop the others. */
static void enable_controllers(int dirfd)
{
	_cleanup_strbuf_ struct strbuf list = STRBUF_INIT, on = STRBUF_INIT;
	char *save = NULL;

	if (file_read(dirfd, "cgroup.controllers", 4096, &list, NULL) < 0 || !list.len)
		return;
	/* Mostly they are on already. */
	if (file_read(dirfd, "cgroup.subtree_control", 4096, &on, NULL) == 0 &&
	    str_eq(on.buf, list.buf))
		return;
	for (char *w = strtok_r(list.buf, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		char text[64];

		snprintf(text, sizeof(text), "+%s", w);
		file_write_existing(dirfd, "cgroup.subtree_control", text, NULL);
	}
}

static int v2_update(struct cgroup *c, const struct oci_resources *res, struct error *err)
{
	struct cgroup_settings set = CGROUP_SETTINGS_INIT;
	int r = cgroup_settings_v2(res, &set, err);

	if (r == 0)
		r = cgroup_apply(c, &set, err);
	cgroup_settings_release(&set);
	return r;
}

static int v2_create(struct cgroup *c, const struct oci_resources *res, struct error *err)
{
	int r = cgroup_make_dirs(c, only(c), enable_controllers, NULL, err);

	if (r < 0)
		return r;
	c->fd = r;
	r = res ? v2_update(c, res, err) : 0;
	if (r == 0 && res && res->n_devices)
		r = devfilter_attach(c->fd, res->devices, res->n_devices, err);
	return r;
}

static int v2_open_existing(struct cgroup *c, struct error *err)
{
	c->fd = openat(only(c)->fd, c->rel, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->fd < 0 ? error_sys(err, -errno, "cgroup \"%s\"", c->path) : 0;
}

static int v2_add(struct cgroup *c, pid_t pid, struct error *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	if (file_write_existing(c->fd, "cgroup.procs", text, err) < 0)
		return error_prefix(err, "cannot move process %s into cgroup \"%s\"", text,
				    c->path);
	return 0;
}

static int v2_freeze(struct cgroup *c, bool frozen, struct error *err)
{
	return file_write_existing(c->fd, "cgroup.freeze", frozen ? "1" : "0", err);
}

static int v2_frozen(struct cgroup *c)
{
	_cleanup_strbuf_ struct strbuf events = STRBUF_INIT, wanted = STRBUF_INIT;
	bool want, is;

	if (cgroup_read(c, only(c), "cgroup.events", &events) < 0 ||
	    cgroup_read(c, only(c), "cgroup.freeze", &wanted) < 0)
		return -EIO;
	want = wanted.buf[0] == '1';
	is = cgroup_keyed(events.buf, "frozen") == 1;
	return want == is ? is : -EINPROGRESS;
}

static int v2_kill(struct cgroup *c)
{
	return file_write_existing(c->fd, "cgroup.kill", "1", NULL);
}

static int v2_remove(struct cgroup *c)
{
	return cgroup_remove_dirs(c, only(c));
}

/* ---- out of memory ------------------------------------------------------------------------------------------------- */

static void v2_oom_poll(struct cgroup *c)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (cgroup_read(c, only(c), "memory.events", &text) == 0)
		cgroup_oom_count(c, cgroup_keyed(text.buf, "oom_kill"));
}

static void on_inotify(struct loop_source *s, int fd, uint32_t events, void *data)
{
	struct cgroup_root *root = data;
	_Alignas(struct inotify_event) char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t off = 0; off < n;) {
			const struct inotify_event *e = (const void *)(buf + off);
			struct list *pos, *tmp;

			off += (ssize_t)(sizeof(*e) + e->len);
			list_for_each_safe(pos, tmp, &root->watched) {
				struct cgroup *c = list_entry(pos, struct cgroup, watch_link);

				if (c->wd == e->wd && !(e->mask & IN_IGNORED))
					v2_oom_poll(c);
			}
		}
	}
}

static int open_inotify(struct cgroup_root *root, struct error *err)
{
	int r;

	root->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (root->inotify < 0)
		return error_sys(err, -errno, "cannot make an inotify instance");
	r = loop_add_io(root->loop, root->inotify, EPOLLIN, on_inotify, root, &root->inotify_src);
	if (r < 0) {
		root->inotify = fd_close(root->inotify);
		return error_sys(err, r, "cannot watch for OOM events");
	}
	return 0;
}

static int v2_oom_watch(struct cgroup *c, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char path[64];

	if (cgroup_read(c, only(c), "memory.events", &text) < 0)
		return error_set(err, -ENOENT, "no memory controller");
	if (c->root->inotify < 0 && open_inotify(c->root, err) < 0)
		return err ? err->code : -EIO;
	c->oom_seen = cgroup_keyed(text.buf, "oom_kill");
	snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events", c->fd);
	c->wd = inotify_add_watch(c->root->inotify, path, IN_MODIFY);
	if (c->wd < 0)
		return error_sys(err, -errno, "cannot watch memory.events");
	list_add_tail(&c->root->watched, &c->watch_link);
	return 0;
}

static void v2_free(struct cgroup *c)
{
	if (c->wd >= 0)
		inotify_rm_watch(c->root->inotify, c->wd); /* gone with the directory already */
}

/* ---- accounting ---------------------------------------------------------------------------------------------------- */

static void cpu_stats(struct cgroup *c, struct cgroup_stats *s)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;

	if (cgroup_read(c, only(c), "cpu.stat", &text) < 0)
		return;
	/* The file has microseconds. */
	s->cpu.total = cgroup_keyed(text.buf, "usage_usec") * 1000;
	s->cpu.user = cgroup_keyed(text.buf, "user_usec") * 1000;
	s->cpu.kernel = cgroup_keyed(text.buf, "system_usec") * 1000;
	s->cpu.periods = cgroup_keyed(text.buf, "nr_periods");
	s->cpu.throttled_periods = cgroup_keyed(text.buf, "nr_throttled");
	s->cpu.throttled_time = cgroup_keyed(text.buf, "throttled_usec") * 1000;
}

static int memory_stats(struct cgroup *c, struct cgroup_stats *s)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	struct hierarchy *h = only(c);

	if (cgroup_read(c, h, "memory.stat", &text) < 0)
		return 0;
	s->memory.present = true;
	s->memory.use_hierarchy = true;
	s->memory.cache = cgroup_keyed(text.buf, "file");
	s->memory.kernel.usage = cgroup_keyed(text.buf, "kernel");
	s->memory.kernel.limit = UINT64_MAX;
	if (cgroup_parse_memory_stat(s, text.buf) < 0)
		return -ENOMEM;
	s->memory.usage.usage = cgroup_read_u64(c, h, "memory.current");
	s->memory.usage.max_usage = cgroup_read_u64(c, h, "memory.peak");
	s->memory.usage.limit = cgroup_read_u64(c, h, "memory.max");
	s->memory.swap.usage = cgroup_read_u64(c, h, "memory.swap.current");
	s->memory.swap.max_usage = cgroup_read_u64(c, h, "memory.swap.peak");
	s->memory.swap.limit = cgroup_read_u64(c, h, "memory.swap.max");
	if (cgroup_read(c, h, "memory.events", &text) == 0) {
		s->memory.low = cgroup_keyed(text.buf, "low");
		s->memory.high = cgroup_keyed(text.buf, "high");
		s->memory.max = s->memory.usage.failcnt = cgroup_keyed(text.buf, "max");
		s->memory.oom = cgroup_keyed(text.buf, "oom");
		s->memory.oom_kill = cgroup_keyed(text.buf, "oom_kill");
	}
	if (cgroup_read(c, h, "memory.swap.events", &text) == 0)
		s->memory.swap.failcnt = cgroup_keyed(text.buf, "max");
	return 0;
}

static int huge_stats(const struct cgroup *c, const struct hierarchy *h, struct cgroup_huge *huge)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	char file[96];

	snprintf(file, sizeof(file), "hugetlb.%.64s.current", huge->size);
	/* The most is not recorded by the kernel: the present is the least that it can have been. */
	huge->usage = huge->max_usage = cgroup_read_u64(c, h, file);
	snprintf(file, sizeof(file), "hugetlb.%.64s.events", huge->size);
	if (cgroup_read(c, h, file, &text) == 0)
		huge->failcnt = cgroup_keyed(text.buf, "max");
	return 0;
}

static int v2_stats(struct cgroup *c, struct cgroup_stats *s, struct error *err)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	int r;

	cpu_stats(c, s);
	r = memory_stats(c, s);
	if (r == 0 && cgroup_read(c, only(c), "io.stat", &text) == 0)
		r = cgroup_parse_io_stat(s, text.buf);
	if (r == 0)
		r = cgroup_each_huge(c, only(c), "current", s, huge_stats);
	s->pids.current = cgroup_read_u64(c, only(c), "pids.current");
	s->pids.limit = cgroup_read_u64(c, only(c), "pids.max");
	return r < 0 ? error_oom(err) : 0;
}

const struct cgroup_ops cgroup_v2 = {
	.name = "cgroupv2",
	.open = v2_open,
	.create = v2_create,
	.open_existing = v2_open_existing,
	.add = v2_add,
	.update = v2_update,
	.freeze = v2_freeze,
	.frozen = v2_frozen,
	.kill = v2_kill,
	.stats = v2_stats,
	.oom_watch = v2_oom_watch,
	.oom_poll = v2_oom_poll,
	.remove = v2_remove,
	.free = v2_free,
};
