/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/zpool.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>
#include "base/alloc.h"

/* More slots than threads, so that none waits while one is filled and the oldest is a long one. */
#define SPARE 2

struct slot {
	struct z_packer *z;
	uint8_t *in;
	size_t cap, len;
	bool pending; /* submitted and not given out */
	bool thread;  /* `id` must be joined */
	pthread_t id;
	const void *out; /* in z's buffer */
	size_t out_len;
	int r;
	struct error err;
};

struct zpool {
	struct slot slots[ZPOOL_THREADS_MAX + SPARE];
	unsigned n, cur; /* a ring: the slot after `cur` is the oldest */
	z_sink_fn sink;
	void *data;
};

static void *slot_run(void *arg)
{
	struct slot *s = arg;

	s->r = z_pack(s->z, s->in, s->len, &s->out, &s->out_len, &s->err);
	return NULL;
}

/* Waits for the slot's member and passes it on. */
static int slot_finish(struct zpool *p, struct slot *s, struct error *err)
{
	if (!s->pending)
		return 0;
	if (s->thread)
		pthread_join(s->id, NULL);
	s->pending = s->thread = false;
	if (s->r < 0)
		return error_set(err, s->r, "%s", error_text(&s->err));
	return p->sink(p->data, s->out, s->out_len, err);
}

int zpool_open(enum z_kind kind, int level, unsigned threads, z_sink_fn sink, void *data,
	       struct zpool **ret, struct error *err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct zpool *p = new0(struct zpool);
	int r = 0;

	if (!p)
		return error_oom(err);
	p->n = threads ? threads : cpus > 0 ? (unsigned)cpus : 1;
	p->n = MIN(p->n, (unsigned)ZPOOL_THREADS_MAX) + SPARE;
	p->sink = sink;
	p->data = data;
	for (unsigned i = 0; r == 0 && i < p->n; i++)
		r = z_packer_new(kind, level, &p->slots[i].z, err);
	if (r < 0) {
		zpool_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

uint8_t *zpool_reserve(struct zpool *p, size_t size)
{
	struct slot *s = &p->slots[p->cur];

	return array_reserve(&s->in, &s->cap, size, 1) < 0 ? NULL : s->in;
}

uint8_t *zpool_buf(struct zpool *p)
{
	return p->slots[p->cur].in;
}

int zpool_submit(struct zpool *p, size_t len, struct error *err)
{
	struct slot *s = &p->slots[p->cur];

	s->len = len;
	s->pending = true;
	s->thread = pthread_create(&s->id, NULL, slot_run, s) == 0;
	if (!s->thread)
		slot_run(s); /* no thread to be had: do it here */
	p->cur = (p->cur + 1) % p->n;
	return slot_finish(p, &p->slots[p->cur], err);
}

int zpool_flush(struct zpool *p, struct error *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < p->n; i++)
		r = slot_finish(p, &p->slots[(p->cur + i) % p->n], err);
	return r;
}

void zpool_free(struct zpool *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n; i++) {
		if (p->slots[i].thread)
			pthread_join(p->slots[i].id, NULL);
		z_packer_free(p->slots[i].z);
		free(p->slots[i].in);
	}
	free(p);
}
