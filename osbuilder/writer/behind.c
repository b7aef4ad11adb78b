/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/behind.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include "base/alloc.h"

struct slot {
	uint8_t *buf;
	size_t len;
	uint64_t pos;
};

struct taker {
	struct behind *b;
	behind_fn fn;
	pthread_t id;
	bool started;
	pthread_cond_t work; /* something was given, or stop */
	uint64_t taken;	     /* buffers, under the lock */
};

struct behind {
	pthread_mutex_t lock;
	pthread_cond_t room; /* a taker has finished a buffer */
	void *data;
	struct taker takers[BEHIND_THREADS_MAX];
	unsigned n_takers, n_slots;
	struct slot slots[BEHIND_SPARE_MAX]; /* buffer k is in slot k % n_slots */
	/* Under the lock. */
	uint64_t given;
	bool stop;
	int r; /* the first error */
};

static void *taker_run(void *arg)
{
	struct taker *t = arg;
	struct behind *b = t->b;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		const struct slot *s;
		int r;

		while (t->taken == b->given && !b->stop)
			pthread_cond_wait(&t->work, &b->lock);
		if (t->taken == b->given)
			break;
		s = &b->slots[t->taken % b->n_slots];
		r = b->r;
		pthread_mutex_unlock(&b->lock);
		if (r == 0)
			r = t->fn(b->data, s->buf, s->len, s->pos);
		pthread_mutex_lock(&b->lock);
		if (b->r == 0)
			b->r = r;
		t->taken++;
		/* who wakes up would have to wait for the lock otherwise */
		pthread_mutex_unlock(&b->lock);
		pthread_cond_signal(&b->room);
		pthread_mutex_lock(&b->lock);
	}
	pthread_mutex_unlock(&b->lock);
	return NULL;
}

static bool one_processor(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < 2;
}

/* Signals are for the threads of the program, not for one of a library. */
static int start(struct behind *b)
{
	sigset_t all, before;
	int r = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	for (unsigned i = 0; r == 0 && i < b->n_takers; i++) {
		r = pthread_create(&b->takers[i].id, NULL, taker_run, &b->takers[i]);
		b->takers[i].started = r == 0;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r ? -EAGAIN : 0;
}

int behind_new(size_t size, unsigned spare, const behind_fn *fns, unsigned n, void *data,
	       struct behind **ret)
{
	struct behind *b;
	int r = 0;

	if (one_processor())
		return -EAGAIN;
	b = new0(struct behind);
	if (!b)
		return -ENOMEM;
	b->data = data;
	b->n_takers = MIN(n, BEHIND_THREADS_MAX);
	b->n_slots = MIN(spare, BEHIND_SPARE_MAX);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->room, NULL);
	for (unsigned i = 0; i < b->n_takers; i++) {
		b->takers[i].b = b;
		b->takers[i].fn = fns[i];
		pthread_cond_init(&b->takers[i].work, NULL);
	}
	for (unsigned i = 0; i < b->n_slots; i++) {
		b->slots[i].buf = malloc(size);
		r = b->slots[i].buf ? r : -ENOMEM;
	}
	if (r == 0)
		r = start(b);
	if (r < 0) {
		behind_free(b);
		return r;
	}
	*ret = b;
	return 0;
}

/* With the lock: until at most `left` of the buffers given are not done. */
static int wait_until(struct behind *b, uint64_t left)
{
	for (unsigned i = 0; i < b->n_takers; i++)
		while (b->given - b->takers[i].taken > left)
			pthread_cond_wait(&b->room, &b->lock);
	return b->r;
}

int behind_give(struct behind *b, uint8_t **buf, size_t len, uint64_t pos)
{
	int r;

	pthread_mutex_lock(&b->lock);
	r = wait_until(b, b->n_slots - 1);
	if (r == 0) {
		struct slot *s = &b->slots[b->given++ % b->n_slots];
		uint8_t *empty = s->buf;

		*s = (struct slot){ *buf, len, pos };
		*buf = empty;
	}
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; r == 0 && i < b->n_takers; i++)
		pthread_cond_signal(&b->takers[i].work);
	return r;
}

int behind_wait(struct behind *b)
{
	int r;

	pthread_mutex_lock(&b->lock);
	r = wait_until(b, 0);
	pthread_mutex_unlock(&b->lock);
	return r;
}

void behind_free(struct behind *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_mutex_unlock(&b->lock);
	for (unsigned i = 0; i < b->n_takers; i++) {
		pthread_cond_signal(&b->takers[i].work);
		if (b->takers[i].started)
			pthread_join(b->takers[i].id, NULL);
		pthread_cond_destroy(&b->takers[i].work);
	}
	pthread_cond_destroy(&b->room);
	pthread_mutex_destroy(&b->lock);
	for (unsigned i = 0; i < b->n_slots; i++)
		free(b->slots[i].buf);
	free(b);
}
