/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/launch.h"

#include <stdbool.h>
#include <stdlib.h>
#include "base/alloc.h"

struct launch {
	struct loop *loop;
	const struct launch_step *steps;
	size_t n, at; /* at: the step that runs */
	bool pending;
	bool failed;
	struct error err; /* of the step that answered later */
	void *ctx;
	launch_done_fn done;
	struct loop_source *next;
};

static void undo_from(struct launch *l, size_t count)
{
	while (count-- > 0) {
		if (l->steps[count].undo)
			l->steps[count].undo(l->ctx);
	}
}

static void finish(struct launch *l, const struct error *err)
{
	launch_done_fn done = l->done;
	void *ctx = l->ctx;

	loop_source_free(l->next);
	free(l);
	done(err, ctx);
}

static void fail(struct launch *l, const struct error *err)
{
	struct error full = *err;

	l->pending = false;
	error_prefix(&full, "launch step '%s'", l->steps[l->at].name);
	undo_from(l, l->at + 1);
	finish(l, &full);
}

/* Runs steps until one is pending, one fails, or all are done. */
static void advance(struct launch *l)
{
	while (l->at < l->n) {
		struct error err = ERROR_INIT;
		int r;

		l->pending = true;
		r = l->steps[l->at].run(l, l->ctx, &err);
		if (r == LAUNCH_PENDING)
			return;
		l->pending = false;
		if (r < 0) {
			if (!err.code)
				error_sys(&err, r, "failed");
			fail(l, &err);
			return;
		}
		l->at++;
	}
	finish(l, NULL);
}

static void on_next(struct loop_source *s, void *data)
{
	struct launch *l = data;

	l->next = NULL;
	if (l->failed)
		fail(l, &l->err);
	else
		advance(l);
}

int launch_start(struct loop *loop, const struct launch_step *steps, size_t n, void *ctx,
		 launch_done_fn done, struct launch **ret)
{
	struct launch *l;
	int r;

	if (n > LAUNCH_MAX_STEPS)
		return -EINVAL;
	l = new0(struct launch);
	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->steps = steps;
	l->n = n;
	l->ctx = ctx;
	l->done = done;
	r = loop_add_defer(loop, on_next, l, &l->next);
	if (r < 0) {
		free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void launch_step_done(struct launch *l, const struct error *err)
{
	if (!l->pending)
		return;
	l->pending = false;
	l->failed = err != NULL;
	if (err)
		l->err = *err;
	else
		l->at++;
	/* Not from inside: undoing may free the object whose callback this is. */
	if (loop_add_defer(l->loop, on_next, l, &l->next) < 0)
		on_next(NULL, l);
}

const char *launch_step_name(const struct launch *l)
{
	return l->at < l->n ? l->steps[l->at].name : "";
}

struct launch *launch_cancel(struct launch *l)
{
	if (!l)
		return NULL;
	undo_from(l, l->at + (l->pending || l->failed ? 1 : 0));
	loop_source_free(l->next);
	free(l);
	return NULL;
}
