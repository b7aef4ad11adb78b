/* SPDX-License-Identifier: Apache-2.0 */
#include "init/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>
#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/time.h"

struct clock_keeper {
	const struct clock_ops *ops;
	struct loop_source *timer;
	int fd;
};

static int64_t nsec_of(const struct timespec *t)
{
	return (int64_t)t->tv_sec * (int64_t)NSEC_PER_SEC + t->tv_nsec;
}

static int open_device(int *ret_fd)
{
	*ret_fd = open(CLOCK_DEVICE, O_RDONLY | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

/* FD_TO_CLOCKID(), Documentation and tools/testing/selftests/ptp: a descriptor as a clock. */
static int read_host(int fd, int64_t *ret_nsec)
{
	clockid_t id = (clockid_t)((~(unsigned int)fd << 3) | 3);
	struct timespec t;

	if (clock_gettime(id, &t) < 0)
		return -errno;
	*ret_nsec = nsec_of(&t);
	return 0;
}

static int read_own(int64_t *ret_nsec)
{
	struct timespec t;

	if (clock_gettime(CLOCK_REALTIME, &t) < 0)
		return -errno;
	*ret_nsec = nsec_of(&t);
	return 0;
}

static int step(int64_t offset_nsec)
{
	int64_t sec = offset_nsec / (int64_t)NSEC_PER_SEC,
		nsec = offset_nsec % (int64_t)NSEC_PER_SEC;
	struct timex tx = { .modes = ADJ_SETOFFSET | ADJ_NANO };

	if (nsec < 0) {
		nsec += (int64_t)NSEC_PER_SEC;
		sec--;
	}
	tx.time.tv_sec = (time_t)sec;
	tx.time.tv_usec = (suseconds_t)nsec; /* nanoseconds, by ADJ_NANO */
	return clock_adjtime(CLOCK_REALTIME, &tx) < 0 ? -errno : 0;
}

/* adjtime(3): half a millisecond a second. */
static int slew(int64_t offset_nsec)
{
	struct timex tx = { .modes = ADJ_OFFSET_SINGLESHOT, .offset = (long)(offset_nsec / 1000) };

	return adjtimex(&tx) < 0 ? -errno : 0;
}

const struct clock_ops clock_system = {
	.open = open_device, .host = read_host, .own = read_own, .step = step, .slew = slew
};

int clock_keeper_look(struct clock_keeper *k)
{
	int64_t before, host, after, offset;
	int r;

	if ((r = k->ops->own(&before)) < 0 || (r = k->ops->host(k->fd, &host)) < 0 ||
	    (r = k->ops->own(&after)) < 0)
		return r;
	offset = host - (before + (after - before) / 2);
	if (offset >= CLOCK_STEP_NSEC || offset <= -CLOCK_STEP_NSEC) {
		r = k->ops->step(offset);
		if (r == 0)
			log_info("clock set by %lld ms", (long long)(offset / 1000000));
		return r < 0 ? r : 's';
	}
	if (offset < CLOCK_NEAR_NSEC && offset > -CLOCK_NEAR_NSEC)
		return 'n';
	r = k->ops->slew(offset);
	return r < 0 ? r : 'l';
}

static void on_timer(struct loop_source *s, void *data)
{
	clock_keeper_look(data);
	loop_timer_set(s, CLOCK_PERIOD_USEC);
}

int clock_keeper_new(struct loop *loop, const struct clock_ops *ops, struct clock_keeper **ret,
		     struct error *err)
{
	struct clock_keeper *k = new0(struct clock_keeper);
	int r;

	if (!k)
		return error_oom(err);
	k->ops = ops;
	k->fd = -1;
	r = ops->open(&k->fd);
	if (r == 0)
		r = loop_add_timer(loop, on_timer, k, &k->timer);
	if (r == 0)
		r = clock_keeper_look(k);
	if (r < 0) {
		clock_keeper_free(k);
		return error_sys(err, r, "cannot keep the time by " CLOCK_DEVICE);
	}
	loop_timer_set(k->timer, CLOCK_PERIOD_USEC);
	*ret = k;
	return 0;
}

struct clock_keeper *clock_keeper_free(struct clock_keeper *k)
{
	if (!k)
		return NULL;
	loop_source_free(k->timer);
	fd_close(k->fd);
	free(k);
	return NULL;
}
