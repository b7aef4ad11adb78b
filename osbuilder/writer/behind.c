/* SPDX-License-Identifier: Apache-2.0 */
#include "writer/behind.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include "base/alloc.h"

struct behind {
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	behind_fn fn;
	void *data;
	/* Under the lock. */
	bool full, stop; /* `buf` is to be written; the thread is to end */
	uint8_t *buf;
	size_t len;
	uint64_t pos;
	int r; /* the first error */
};

static void *behind_run(void *arg)
{
	struct behind *b = arg;

	pthread_mutex_lock(&b->lock);
	for (;;) {
		int r;

		while (!b->full && !b->stop)
			pthread_cond_wait(&b->changed, &b->lock);
		if (!b->full)
			break;
		pthread_mutex_unlock(&b->lock);
		r = b->fn(b->data, b->buf, b->len, b->pos);
		pthread_mutex_lock(&b->lock);
		if (b->r == 0)
			b->r = r;
		b->full = false;
		/* who wakes up would have to wait for the lock otherwise */
		pthread_mutex_unlock(&b->lock);
		pthread_cond_signal(&b->changed);
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
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&b->id, NULL, behind_run, b);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r ? -EAGAIN : 0;
}

int behind_new(size_t size, behind_fn fn, void *data, struct behind **ret)
{
	struct behind *b;

	if (one_processor())
		return -EAGAIN;
	b = new0(struct behind);
	if (!b)
		return -ENOMEM;
	b->fn = fn;
	b->data = data;
	b->buf = malloc(size);
	pthread_mutex_init(&b->lock, NULL);
	pthread_cond_init(&b->changed, NULL);
	if (!b->buf || start(b) < 0) {
		int r = b->buf ? -EAGAIN : -ENOMEM;

		pthread_cond_destroy(&b->changed);
		pthread_mutex_destroy(&b->lock);
		free(b->buf);
		free(b);
		return r;
	}
	*ret = b;
	return 0;
}

/* With the lock. */
static int wait_empty(struct behind *b)
{
	while (b->full)
		pthread_cond_wait(&b->changed, &b->lock);
	return b->r;
}

int behind_give(struct behind *b, uint8_t **buf, size_t len, uint64_t pos)
{
	uint8_t *empty;
	int r;

	pthread_mutex_lock(&b->lock);
	r = wait_empty(b);
	if (r == 0) {
		empty = b->buf;
		b->buf = *buf;
		b->len = len;
		b->pos = pos;
		b->full = true;
		*buf = empty;
	}
	pthread_mutex_unlock(&b->lock);
	if (r == 0)
		pthread_cond_signal(&b->changed);
	return r;
}

int behind_wait(struct behind *b)
{
	int r;

	pthread_mutex_lock(&b->lock);
	r = wait_empty(b);
	pthread_mutex_unlock(&b->lock);
	return r;
}

void behind_free(struct behind *b)
{
	if (!b)
		return;
	pthread_mutex_lock(&b->lock);
	b->stop = true;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
	pthread_join(b->id, NULL);
	pthread_cond_destroy(&b->changed);
	pthread_mutex_destroy(&b->lock);
	free(b->buf);
	free(b);
}
