/* SPDX-License-Identifier: Apache-2.0 */
#include "service/watch.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "base/alloc.h"
#include "base/file.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/time.h"
#include "service/agent.h"
#include "service/work.h"
#include "storage/mirror.h"

#define MIRRORS_DIR STORAGE_RUN_DIR "/watchable"
#define LOOK_USEC   (2 * USEC_PER_SEC) /* upstream's period */
#define SYNC_USEC   (30 * USEC_PER_SEC)

struct entry {
	struct list link;
	char *source, *mirror, *mount_point;
};

struct watches {
	struct agent *agent;
	struct list entries;
	struct loop_source *timer;
	struct work *work; /* a round that is going on */
	uint64_t last_id;
};

static void entry_free(struct entry *e)
{
	if (e->mirror)
		file_remove_tree(AT_FDCWD, e->mirror, NULL);
	list_del(&e->link);
	free(e->source);
	free(e->mirror);
	free(e->mount_point);
	free(e);
}

/* In a process of its own: a share's server may be slow or dead. What one cannot do does not keep the others. */
static int sync_all(void *data, struct error *err)
{
	const struct watches *w = data;
	struct list *pos;

	list_for_each(pos, &w->entries) {
		const struct entry *e = list_entry(pos, struct entry, link);

		mirror_sync(e->source, e->mirror, err);
	}
	return 0;
}

static void on_synced(const struct error *err, const struct strbuf *out, void *data)
{
	struct watches *w = data;

	if (!list_empty(&w->entries))
		loop_timer_set(w->timer, LOOK_USEC);
}

static void on_timer(struct loop_source *s, void *data)
{
	struct watches *w = data;
	struct work_params p = {
		.name = WATCH_DRIVER, .fn = sync_all, .data = w, .timeout_usec = SYNC_USEC
	};

	if (list_empty(&w->entries) || w->work)
		return;
	if (work_start(w->agent, &p, on_synced, w, &w->work, NULL) < 0)
		loop_timer_set(w->timer, LOOK_USEC);
}

static int watches_get(struct agent *a, struct watches **ret)
{
	struct watches *w = a->watches;

	if (!w) {
		w = new0(struct watches);
		if (!w || loop_add_timer(a->loop, on_timer, w, &w->timer) < 0) {
			free(w);
			return -ENOMEM;
		}
		w->agent = a;
		list_init(&w->entries);
		a->watches = w;
	}
	*ret = w;
	return 0;
}

static int entry_new(struct watches *w, const struct storage_req *req, struct entry **ret,
		     struct error *err)
{
	struct entry *e = new0(struct entry);

	if (!e)
		return error_oom(err);
	list_add_tail(&w->entries, &e->link);
	e->source = strdup(req->source);
	e->mount_point = path_clean(req->mount_point);
	e->mirror = str_printf(MIRRORS_DIR "/%" PRIu64, ++w->last_id);
	if (!e->source || !e->mount_point || !e->mirror) {
		entry_free(e);
		return error_oom(err);
	}
	*ret = e;
	return 0;
}

int watch_add(struct agent *a, const struct storage_req *req, const char *cid, struct error *err)
{
	struct storage_req bind = *req;
	struct watches *w = NULL;
	struct entry *e = NULL;
	int r;

	bind.driver = "bind";
	if (!req->source || req->source[0] != '/' || !req->mount_point ||
	    req->mount_point[0] != '/')
		return storage_add(&a->storages, &bind, cid, err); /* says what is wrong */
	if (watches_get(a, &w) < 0)
		return error_oom(err);
	r = entry_new(w, req, &e, err);
	if (r == 0)
		r = file_mkdir_p(AT_FDCWD, e->mirror, 0755, err);
	if (r < 0 || !e)
		return r;
	r = mirror_sync(req->source, e->mirror, err);
	if (r == -EFBIG || r == -ENOTDIR) {
		entry_free(e);
		error_clear(err);
		return storage_add(&a->storages, &bind, cid, err);
	}
	bind.source = e->mirror;
	if (r == 0)
		r = storage_add(&a->storages, &bind, cid, err);
	if (r < 0)
		entry_free(e);
	else if (!w->work)
		loop_timer_set(w->timer, LOOK_USEC);
	return r;
}

void watch_drop(struct agent *a, const char *mount_point)
{
	_cleanup_free_ char *clean = a->watches ? path_clean(mount_point) : NULL;
	struct list *pos, *tmp;

	if (!clean)
		return;
	list_for_each_safe(pos, tmp, &a->watches->entries) {
		struct entry *e = list_entry(pos, struct entry, link);

		if (str_eq(e->mount_point, clean))
			entry_free(e);
	}
}

struct watches *watches_free(struct watches *w)
{
	if (!w)
		return NULL;
	work_cancel(w->work);
	while (!list_empty(&w->entries))
		entry_free(list_entry(w->entries.next, struct entry, link));
	loop_source_free(w->timer);
	free(w);
	return NULL;
}
