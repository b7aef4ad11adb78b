/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/zpool.h"

#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>
#include "base/alloc.h"

/* More slots than threads, so that none waits while one is filled and the oldest is a long one. */
#define SPARE 4
/* What a buffer keeps of its memory between two members; getting more of it again costs the kernel's zeroing. */
#define KEEP (512u << 10)

enum slot_state { SLOT_FREE, SLOT_READY, SLOT_DONE };

struct slot {
	uint8_t *in;
	size_t cap, len;
	enum slot_state state; /* under the lock; a thread has taken it when `taken` */
	bool taken;
	struct z_buf out;
	int r;
	struct error err;
};

/* The packer of one thread, or of the owner when there is none. */
struct worker {
	struct zpool *pool;
	struct z_packer *z;
	pthread_t id;
};

struct zpool {
	struct slot slots[ZPOOL_THREADS_MAX + SPARE];
	unsigned n, cur; /* a ring: the slot after `cur` is the oldest */
	z_sink_fn sink;
	void *data;
	pthread_mutex_t lock;
	pthread_cond_t ready, done;
	struct worker workers[ZPOOL_THREADS_MAX];
	unsigned n_threads;
	bool quit;
};

static void slot_run(struct slot *s, struct z_packer *z)
{
	s->r = z_pack(z, s->in, s->len, &s->out, &s->err);
	mem_forget(s->in, KEEP, s->cap);
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
	struct worker *w = arg;
	struct zpool *p = w->pool;
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
		slot_run(s, w->z);
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
	int r;

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
	r = p->sink(p->data, s->out.p, s->out.len, err);
	mem_forget(s->out.p, KEEP, s->out.cap);
	return r;
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
	for (unsigned i = 0; r == 0 && i < threads; i++) {
		p->workers[i].pool = p;
		r = z_packer_new(kind, level, &p->workers[i].z, err);
	}
	if (r < 0) {
		zpool_free(p);
		return r;
	}
	/* None to be had: zpool_submit() does it. */
	while (p->n_threads < threads && pthread_create(&p->workers[p->n_threads].id, NULL,
							thread_run, &p->workers[p->n_threads]) == 0)
		p->n_threads++;
	*ret = p;
	return 0;
}

/* Bytes of the members that have been submitted and not given out; *ret_oldest: the first of them, NULL when there is none. */
static size_t on_their_way(struct zpool *p, struct slot **ret_oldest)
{
	size_t n = 0;

	*ret_oldest = NULL;
	pthread_mutex_lock(&p->lock);
	for (unsigned i = 1; i < p->n; i++) {
		struct slot *s = &p->slots[(p->cur + i) % p->n];

		if (s->state == SLOT_FREE)
			continue;
		n += s->state == SLOT_DONE ? s->out.len : s->len;
		*ret_oldest = *ret_oldest ? *ret_oldest : s;
	}
	pthread_mutex_unlock(&p->lock);
	return n;
}

int zpool_reserve(struct zpool *p, size_t size, struct error *err)
{
	struct slot *s = &p->slots[p->cur], *oldest;
	int r = 0;

	while (r == 0 && on_their_way(p, &oldest) + size > ZPOOL_BYTES && oldest)
		r = slot_finish(p, oldest, err);
	if (r == 0 && array_reserve(&s->in, &s->cap, size, 1) < 0)
		r = error_oom(err);
	return r;
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
		slot_run(s, p->workers[0].z);
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
		pthread_join(p->workers[i].id, NULL);
	for (unsigned i = 0; i < p->n; i++) {
		free(p->slots[i].in);
		free(p->slots[i].out.p);
	}
	for (unsigned i = 0; i < ZPOOL_THREADS_MAX; i++)
		z_packer_free(p->workers[i].z);
	pthread_cond_destroy(&p->done);
	pthread_cond_destroy(&p->ready);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
