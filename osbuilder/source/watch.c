/* SPDX-License-Identifier: Apache-2.0 */
#include "source/watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/time.h"

#define WATCH_INTERVAL (NSEC_PER_SEC / 4)
#define WATCH_DIR      (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

/* Bytes of the regular files in the directory; 0 when it cannot be read. */
static uint64_t bytes_in(int dirfd)
{
	int fd = openat(dirfd, ".", WATCH_DIR);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t sum = 0;
	struct dirent *e;
	struct stat st;

	if (!d) {
		fd_close(fd);
		return 0;
	}
	while ((e = readdir(d)))
		if (fstatat(dirfd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	closedir(d);
	return sum;
}

/* Sizes may shrink (a file is begun again): what was told stays told. */
static void look(struct watch *w)
{
	uint64_t now = bytes_in(w->dirfd);

	if (now < w->before + w->told)
		return;
	progress_add(w->progress, w->stage, 0, now - w->before - w->told);
	w->told = now - w->before;
}

static void *run(void *data)
{
	struct watch *w = data;

	pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t); /* the clock of pthread_cond_timedwait() */
		t.tv_nsec += (long)WATCH_INTERVAL;
		if (t.tv_nsec >= (long)NSEC_PER_SEC) {
			t.tv_nsec -= (long)NSEC_PER_SEC;
			t.tv_sec++;
		}
		if (pthread_cond_timedwait(&w->wake, &w->lock, &t) != 0)
			look(w);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

void watch_begin(struct watch *w, struct progress *p, enum progress_stage s, const char *dir)
{
	*w = (struct watch)WATCH_INIT;
	w->progress = p;
	w->stage = s;
	if (p)
		w->dirfd = open(dir, WATCH_DIR);
	if (w->dirfd < 0)
		return;
	w->before = bytes_in(w->dirfd);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->wake, NULL);
	w->running = pthread_create(&w->id, NULL, run, w) == 0;
	if (!w->running)
		w->dirfd = fd_close(w->dirfd);
}

uint64_t watch_end(struct watch *w)
{
	if (!w->running)
		return 0;
	pthread_mutex_lock(&w->lock);
	w->stop = true;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
	pthread_join(w->id, NULL);
	pthread_cond_destroy(&w->wake);
	pthread_mutex_destroy(&w->lock);
	w->running = false;
	w->dirfd = fd_close(w->dirfd);
	return w->told;
}
