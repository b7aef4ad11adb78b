/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/time.h"

static const char *const stage_names[] = {
	[PROGRESS_RESOLVE] = "resolve", [PROGRESS_FETCH] = "fetch", [PROGRESS_UNPACK] = "unpack",
	[PROGRESS_PASSES] = "passes",	[PROGRESS_WRITE] = "write", [PROGRESS_SEAL] = "seal",
	[PROGRESS_CHECK] = "check",
};
_Static_assert(ARRAY_SIZE(stage_names) == PROGRESS_STAGES, "one name a stage");

const char *progress_stage_name(enum progress_stage s)
{
	return stage_names[s];
}

void progress_init(struct progress *p, const struct progress_ops *ops, void *data,
		   uint64_t interval_usec)
{
	memset(p, 0, sizeof(*p));
	p->ops = ops;
	p->data = data;
	p->interval_usec = interval_usec;
	pthread_mutex_init(&p->lock, NULL); /* of the default kind: cannot fail */
}

void progress_release(struct progress *p)
{
	pthread_mutex_destroy(&p->lock);
}

static uint64_t load(const uint64_t *v)
{
	return __atomic_load_n(v, __ATOMIC_RELAXED);
}

static void store(uint64_t *v, uint64_t to)
{
	__atomic_store_n(v, to, __ATOMIC_RELAXED);
}

static void add(uint64_t *v, uint64_t n)
{
	if (n)
		__atomic_fetch_add(v, n, __ATOMIC_RELAXED);
}

/* With the lock held. */
static void tell(struct progress *p, enum progress_event e, enum progress_stage s, uint64_t now)
{
	const struct progress_count *c = &p->count[s];
	const struct progress_state state = {
		.stage = s,
		.what = c->what,
		.items = load(&c->items),
		.items_total = load(&c->items_total),
		.bytes = load(&c->bytes),
		.bytes_total = load(&c->bytes_total),
		.usec = now - c->start,
	};

	store(&p->due, now + p->interval_usec);
	p->ops->stage(p->data, e, &state);
}

void progress_begin(struct progress *p, enum progress_stage s, const char *what,
		    uint64_t items_total, uint64_t bytes_total)
{
	struct progress_count *c;

	if (!p)
		return;
	c = &p->count[s];
	pthread_mutex_lock(&p->lock);
	c->what = what;
	c->start = time_mono_usec();
	store(&c->items, 0);
	store(&c->bytes, 0);
	store(&c->items_total, items_total);
	store(&c->bytes_total, bytes_total);
	tell(p, PROGRESS_BEGIN, s, c->start);
	pthread_mutex_unlock(&p->lock);
}

void progress_expect(struct progress *p, enum progress_stage s, uint64_t items, uint64_t bytes)
{
	if (!p)
		return;
	add(&p->count[s].items_total, items);
	add(&p->count[s].bytes_total, bytes);
}

void progress_add(struct progress *p, enum progress_stage s, uint64_t items, uint64_t bytes)
{
	uint64_t now;

	if (!p)
		return;
	add(&p->count[s].items, items);
	add(&p->count[s].bytes, bytes);
	now = time_mono_usec();
	/* Who finds the lock taken leaves its numbers to the next call: a thread never waits for a terminal. */
	if (now < load(&p->due) || pthread_mutex_trylock(&p->lock) != 0)
		return;
	if (now >= load(&p->due))
		tell(p, PROGRESS_UPDATE, s, now);
	pthread_mutex_unlock(&p->lock);
}

void progress_end(struct progress *p, enum progress_stage s)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	tell(p, PROGRESS_END, s, time_mono_usec());
	pthread_mutex_unlock(&p->lock);
}

void progress_warn(struct progress *p, const char *fmt, ...)
{
	char line[PROGRESS_WARN_MAX];
	va_list ap;

	if (!p)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&p->lock);
	p->ops->warn(p->data, line);
	pthread_mutex_unlock(&p->lock);
}

void progress_output(struct progress *p, const struct progress_output *o)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->ops->output(p->data, o);
	pthread_mutex_unlock(&p->lock);
}
