/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SOURCE_WATCH_H
#define SOURCE_WATCH_H

#include <pthread.h>
#include <stdbool.h>
#include "progress.h"

/*
 * For osbuilder/source/ only: how far another program is that writes files into a directory and says nothing. A thread looks at the sizes
 * four times a second, and adds what they have grown by to the bytes of a stage. Without a progress, nothing is started.
 *
 *	struct watch w = WATCH_INIT;
 *
 *	watch_begin(&w, progress, PROGRESS_FETCH, dir);
 *	... run the program ...
 *	told = watch_end(&w);	(bytes that the stage has been given)
 */
struct watch {
	struct progress *progress;
	enum progress_stage stage;
	int dirfd;
	uint64_t before, told; /* bytes when it began; what the stage was given */
	pthread_t id;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool running, stop;
};
#define WATCH_INIT          \
	{                   \
		.dirfd = -1 \
	}

/* What cannot be watched is not: there is no error. */
void watch_begin(struct watch *w, struct progress *p, enum progress_stage s, const char *dir);
uint64_t watch_end(struct watch *w);

#endif
