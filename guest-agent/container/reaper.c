/* SPDX-License-Identifier: Apache-2.0 */
#include "container/reaper.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "base/alloc.h"
#include "base/list.h"

struct watch {
	struct list link;
	pid_t pid;
	reaper_fn fn;
	void *data;
};

struct reaper {
	struct loop_source *src;
	struct list watches;
};

static struct watch *watch_find(struct reaper *r, pid_t pid)
{
	struct list *pos;

	list_for_each(pos, &r->watches) {
		struct watch *w = list_entry(pos, struct watch, link);

		if (w->pid == pid)
			return w;
	}
	return NULL;
}

static void on_sigchld(struct loop_source *s, const siginfo_t *si, void *data)
{
	struct reaper *r = data;
	int status;
	pid_t pid;

	/* One signal may stand for many children. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct watch *w = watch_find(r, pid);
		struct watch copy;

		if (!w)
			continue;
		copy = *w;
		list_del(&w->link);
		free(w);
		copy.fn(pid, status, copy.data);
	}
}

int reaper_new(struct loop *loop, struct reaper **ret)
{
	struct reaper *r = new0(struct reaper);
	int err;

	if (!r)
		return -ENOMEM;
	list_init(&r->watches);
	err = loop_add_signal(loop, SIGCHLD, on_sigchld, r, &r->src);
	if (err < 0) {
		free(r);
		return err;
	}
	*ret = r;
	return 0;
}

struct reaper *reaper_free(struct reaper *r)
{
	struct list *pos, *tmp;

	if (!r)
		return NULL;
	list_for_each_safe(pos, tmp, &r->watches)
		free(list_entry(pos, struct watch, link));
	loop_source_free(r->src);
	free(r);
	return NULL;
}

int reaper_watch(struct reaper *r, pid_t pid, reaper_fn fn, void *data)
{
	struct watch *w = new0(struct watch);

	if (!w)
		return -ENOMEM;
	w->pid = pid;
	w->fn = fn;
	w->data = data;
	list_add_tail(&r->watches, &w->link);
	return 0;
}

void reaper_forget(struct reaper *r, pid_t pid)
{
	struct watch *w = watch_find(r, pid);

	if (!w)
		return;
	list_del(&w->link);
	free(w);
}
