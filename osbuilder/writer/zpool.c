/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/zpool.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>
#include "base/alloc.h"

/* More slots than threads, so that none waits while one is filled and the oldest is a long one. */
#define SPARE 2

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_DONE };

struct slot {
	struct z_packer *z;
	uint8_t *in;
	size_t cap, len;
	enum slot_state state; /* under the lock; a thread has taken it when `taken` */
	bool taken;
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
	pthread_mutex_t lock;
	pthread_cond_t ready, done;
	pthread_t threads[ZPOOL_THREADS_MAX];
	unsigned n_threads;
	bool quit;
};

static void slot_run(struct slot *s)
{
	s->r = z_pack(s->z, s->in, s->len, &s->out, &s->out_len, &s->err);
}

/* The oldest slot that waits for a thread. With the lock. */
static struct slot *next_ready(struct zpool *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct slot *s = &p->slots[(p->cur + i) % p->n];

		if (s->state == SLOT_READY && !s->taken)
			return s;
	}
	return NULL;
}

static void *thread_run(void *arg)
{
	struct zpool *p = arg;
	struct slot *s;

	pthread_mutex_lock(&p->lock);
	while (!p->quit) {
		s = next_ready(p);
		if (!s) {
			pthread_cond_wait(&p->ready, &p->lock);
			continue;
		}
		s->taken = true;
		pthread_mutex_unlock(&p->lock);
		slot_run(s);
		pthread_mutex_lock(&p->lock);
		s->state = SLOT_DONE;
		pthread_cond_signal(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

/* Waits for the slot's member and passes it on. */
static int slot_finish(struct zpool *p, struct slot *s, struct error *err)
{
	pthread_mutex_lock(&p->lock);
	while (s->state == SLOT_READY)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (s->state == SLOT_FREE)
		return 0;
	s->state = SLOT_FREE;
	s->taken = false;
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
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->ready, NULL);
	pthread_cond_init(&p->done, NULL);
	if (!threads)
		threads = cpus > 0 ? (unsigned)cpus : 1;
	threads = MIN(threads, (unsigned)ZPOOL_THREADS_MAX);
	p->n = threads + SPARE;
	p->sink = sink;
	p->data = data;
	for (unsigned i = 0; r == 0 && i < p->n; i++)
		r = z_packer_new(kind, level, &p->slots[i].z, err);
	if (r < 0) {
		zpool_free(p);
		return r;
	}
	/* None to be had: zpool_submit() does it. */
	while (p->n_threads < threads &&
	       pthread_create(&p->threads[p->n_threads], NULL, thread_run, p) == 0)
		p->n_threads++;
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
	if (!p->n_threads)
		slot_run(s);
	pthread_mutex_lock(&p->lock);
	s->state = p->n_threads ? SLOT_READY : SLOT_DONE;
	p->cur = (p->cur + 1) % p->n;
	pthread_cond_signal(&p->ready);
	pthread_mutex_unlock(&p->lock);
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
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->ready);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->n_threads; i++)
		pthread_join(p->threads[i], NULL);
	for (unsigned i = 0; i < p->n; i++) {
		z_packer_free(p->slots[i].z);
		free(p->slots[i].in);
	}
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->ready);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
